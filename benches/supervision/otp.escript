#!/usr/bin/env escript
%% The same measurements as benches/supervision.rs, on OTP's supervisor. Asked on standard input, a line
%% each; answers with one line of numbers, nanoseconds unless said otherwise.
%%
%% With `usual` the children are gen_servers, and the reports of their crashes go to a handler that drops
%% them: made, as they are on the other side, and printed nowhere. With `bare` they are bare processes, and
%% no report is made: the least that OTP can do.
%%
%% OTP walks the list of all restarts of the period at each restart, so every answer has a supervisor of
%% its own: that list never grows beyond one answer's restarts.
-mode(compile).
-export([init/1, start/3, bare/2, log/2]).
-export([handle_call/3, handle_cast/2, handle_info/2]).

main([Kind]) ->
    ok = logger:remove_handler(default),
    case Kind of
        "usual" -> ok = logger:add_handler(dropped, ?MODULE, #{});
        "bare" -> ok = logger:set_primary_config(level, none)
    end,
    put(kind, list_to_atom(Kind)),
    loop().

log(_, _) -> ok.

loop() ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            [Command, Number] = string:lexemes(string:trim(Line), " "),
            Answer = answer(Command, list_to_integer(Number)),
            io:format("~s~n", [lists:join(" ", [integer_to_list(N) || N <- Answer])]),
            loop()
    end.

%% A child that crashes so many times, one after the other: each time until the next one is up.
answer("restarts", Count) ->
    {Sup, [{_, Pid}]} = family(1),
    Times = restarts(Pid, Count, 0),
    stop(Sup),
    Times;
%% The same, a millisecond apart.
answer("paced", Count) ->
    {Sup, [{_, Pid}]} = family(1),
    Times = restarts(Pid, Count, 1),
    stop(Sup),
    Times;
%% So many children that crash at once: the time until all are up again, three times over.
answer("storm", Count) ->
    {Sup, Children} = family(Count),
    Times = storms(Children, 3),
    stop(Sup),
    Times;
%% So many children started: nanoseconds for all, bytes for each.
answer("spawn", Count) ->
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    Began = now_ns(),
    {Sup, _} = family(Count),
    Took = now_ns() - Began,
    erlang:garbage_collect(),
    erlang:garbage_collect(Sup),
    Bytes = (erlang:memory(total) - Before) div Count,
    stop(Sup),
    [Took, Bytes].

restarts(_, 0, _) -> [];
restarts(Pid, Count, Pause) ->
    if Pause > 0 -> timer:sleep(Pause); true -> ok end,
    Began = now_ns(),
    Pid ! crash,
    receive {up, _, Next} -> [now_ns() - Began | restarts(Next, Count - 1, Pause)] end.

storms(_, 0) -> [];
storms(Children, Count) ->
    Began = now_ns(),
    [Pid ! crash || {_, Pid} <- Children],
    Next = [receive {up, Nth, Pid} -> {Nth, Pid} end || _ <- Children],
    [now_ns() - Began | storms(Next, Count - 1)].

family(Count) ->
    {ok, Sup} = supervisor:start_link(?MODULE, {family, Count, get(kind), self()}),
    {Sup, [receive {up, Nth, Pid} -> {Nth, Pid} end || _ <- lists:seq(1, Count)]}.

init({family, Count, Kind, Driver}) ->
    Flags = #{strategy => one_for_one, intensity => 1000000, period => 1},
    {ok, {Flags, [#{id => Nth, start => {?MODULE, start, [Kind, Nth, Driver]}, shutdown => 1000}
                  || Nth <- lists:seq(1, Count)]}};
init({child, Nth, Driver}) ->
    Driver ! {up, Nth, self()},
    {ok, none}.

start(usual, Nth, Driver) -> gen_server:start_link(?MODULE, {child, Nth, Driver}, []);
start(bare, Nth, Driver) -> proc_lib:start_link(?MODULE, bare, [Nth, Driver]).

handle_call(_, _, State) -> {reply, ok, State}.
handle_cast(_, State) -> {noreply, State}.
handle_info(crash, State) -> {stop, as_told, State}.

bare(Nth, Driver) ->
    Driver ! {up, Nth, self()},
    proc_lib:init_ack({ok, self()}),
    receive crash -> exit(as_told) end.

stop(Sup) ->
    unlink(Sup),
    Ref = monitor(process, Sup),
    exit(Sup, shutdown),
    receive {'DOWN', Ref, _, _, _} -> ok end.

now_ns() -> erlang:monotonic_time(nanosecond).
