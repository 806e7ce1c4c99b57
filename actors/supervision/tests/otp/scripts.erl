%% Runs scripted supervisors through OTP's own, and writes down what their children saw.
%%
%% In: a file of terms, a script each (see script.rs). Out: a line a step, and an empty line after each
%% script. It is to run with one scheduler: then an exit signal has arrived everywhere before anybody acts
%% on it, and the order of what is written down is the order of what happened.
-module(scripts).
-behaviour(supervisor).
-export([main/2, init/1, start/1, player/2]).

main(In, Out) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    ets:new(seen, [named_table, public, ordered_set]),
    ets:new(starts, [named_table, public]),
    register(witness, spawn_opt(fun witness/0, [{priority, high}])),
    {ok, Scripts} = file:consult(In),
    ok = file:write_file(Out, [[[[Line, $\n] || Line <- run(Script)], $\n] || Script <- Scripts]).

run({Strategy, Intensity, Auto, Rows, Steps}) ->
    ets:delete_all_objects(starts),
    Flags = #{strategy => Strategy, intensity => Intensity, period => 1000000, auto_shutdown => Auto},
    case supervisor:start_link(?MODULE, {Flags, Rows}) of
        {ok, Sup} -> [line(Sup) | steps(Sup, Steps)];
        {error, _} -> [line(ended)]
    end.

init({Flags, Rows}) -> {ok, {Flags, [spec(Row) || Row <- Rows]}}.

spec({Name, Restart, Significant, Stop, _, _} = Row) ->
    #{id => Name, start => {?MODULE, start, [Row]}, restart => Restart,
      significant => Significant, shutdown => Stop}.

steps(Sup, [Step | Steps]) ->
    step(Sup, Step),
    case there(Sup) of
        ended -> [line(ended)];
        _ -> [line(Sup) | steps(Sup, Steps)]
    end;
steps(Sup, []) ->
    exit(Sup, shutdown),
    receive {'EXIT', Sup, _} -> ok end,
    [line(ended)].

step(Sup, {dies, Name, Reason}) ->
    case lists:keyfind(Name, 1, there(Sup)) of
        {Name, Pid, _, _} when is_pid(Pid) ->
            Ref = monitor(process, Pid),
            case Reason of
                kill -> whereis(witness) ! {expect, Name}, exit(Pid, kill);
                _ -> Pid ! {die, Reason}
            end,
            receive {'DOWN', Ref, _, _, _} -> ok end;
        _ -> ok
    end;
step(Sup, {terminate, Name}) -> supervisor:terminate_child(Sup, Name);
step(Sup, {restart, Name}) -> supervisor:restart_child(Sup, Name);
step(Sup, {delete, Name}) ->
    supervisor:terminate_child(Sup, Name),
    supervisor:delete_child(Sup, Name);
step(Sup, {add, Row}) -> supervisor:start_child(Sup, spec(Row)).

%% Who is there once nobody is being restarted any more, or `ended`.
there(Sup) ->
    try supervisor:which_children(Sup) of
        Children ->
            case lists:any(fun({_, Pid, _, _}) -> Pid =:= restarting end, Children) of
                true -> there(Sup);
                false -> Children
            end
    catch exit:_ -> ended
    end.

line(Sup) ->
    There = case Sup =:= ended orelse there(Sup) of
        true -> ["ended"];
        ended -> ["ended"];
        Children -> [shown(Child) || Child <- lists:reverse(Children)]
    end,
    Seen = [Text || {_, Text} <- ets:tab2list(seen)],
    ets:delete_all_objects(seen),
    string:trim([lists:join(" ", Seen), " | ", lists:join(" ", There)]).

shown({Name, Pid, _, _}) when is_pid(Pid) -> atom_to_list(Name);
shown({Name, _, _, _}) -> ["(", atom_to_list(Name), ")"].

seen(Mark, Name) ->
    ets:insert(seen, {erlang:unique_integer([monotonic]), [Mark, atom_to_list(Name)]}).

%% Called by the supervisor.
start({Name, _, _, _, Stubborn, Failing}) ->
    Nth = ets:update_counter(starts, Name, 1, {Name, 0}),
    case lists:member(Nth, Failing) of
        true -> seen("!", Name), {error, refused};
        false -> proc_lib:start_link(?MODULE, player, [Name, Stubborn])
    end.

player(Name, Stubborn) ->
    process_flag(trap_exit, true),
    seen("+", Name),
    whereis(witness) ! {watch, Name, self()},
    proc_lib:init_ack({ok, self()}),
    play(Name, Stubborn).

play(Name, Stubborn) ->
    receive
        {die, Reason} -> exit(Reason);
        {'EXIT', _, _} when Stubborn -> play(Name, Stubborn);
        {'EXIT', _, Reason} -> seen("-", Name), exit(Reason)
    end.

%% Writes down who was killed, unless the script killed it.
witness() -> witness(#{}, none).
witness(Watched, Expected) ->
    receive
        {expect, Name} -> witness(Watched, Name);
        {watch, Name, Pid} -> witness(Watched#{monitor(process, Pid) => Name}, Expected);
        {'DOWN', Ref, _, _, Reason} ->
            Name = maps:get(Ref, Watched),
            Left = maps:remove(Ref, Watched),
            case Reason of
                killed when Name =:= Expected -> witness(Left, none);
                killed -> seen("~", Name), witness(Left, Expected);
                _ -> witness(Left, Expected)
            end
    end.
