# The project's chores. `just` lists them.

default:
    @just --list

# What CI runs.
check:
    bash .ci/run

# The figures that the README quotes.
bench:
    cargo bench --bench messages
    cargo bench --bench supervision
    cargo bench --bench road
    cargo bench --bench limiter
    cargo bench --bench audit
    cargo bench --bench schedule
    cargo bench --bench ledger
    cargo bench --bench feeds
    cargo bench --bench daemon

# Long runs, once an issue: 1,000 kills of the real binary, fifty more stormy simulated days,
# stormy hours of 5,000 seeds, and 75 recorded days of two platforms' scope files through the whole machine.
# Built for debugging on purpose: its assertions (also redb's) are on.
soak:
    MONEY_MACHINE_TEST_KILLS=1000 cargo test --test kill -- --nocapture
    MONEY_MACHINE_TEST_CRASHES=10000 cargo test --release -p money-machine-services --test services road:: -- --nocapture
    MONEY_MACHINE_TEST_SEEDS=25 cargo test --test simulation more_storms -- --nocapture
    MONEY_MACHINE_TEST_SEEDS=5000 cargo test --release --test simulate many_seeds -- --nocapture
    MONEY_MACHINE_TEST_HISTORY=1 cargo test --release --test simulate whole_history -- --nocapture

# Tests of the real binary on other days (needs libfaketime; see the script). Some hours for all of them.
dates *DAYS:
    .ci/dates {{DAYS}}

# Licences and advisories (needs cargo-deny and a local advisory database).
deny:
    cargo deny --offline check

# Line coverage of actors/ (needs cargo-llvm-cov and llvm's tools; see the script).
coverage:
    .ci/coverage
