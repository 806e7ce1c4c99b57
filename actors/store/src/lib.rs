//! Remembers: redb, codec, group commit, audit linking, migrations.
