-- Version 1: the tables. Numbers are bigint: nanoseconds fit until 2262, and no double ever touches them.

create table krakenonce.session (
    name text primary key,           -- one process, made up anew at each start
    until timestamptz not null,      -- where its numbers end; only ever later
    ttl_ms integer not null,         -- for how long it lives on without a renewal
    incarnation bigint not null,     -- rises with each connection; what an older one still asks is void
    identity text not null,          -- the timeline on which it was begun
    born bigint not null,            -- when it was begun, in ns; the same as long as nobody took it for dead
    renewals bigint not null,        -- what those who wait for its keys watch
    dead boolean not null            -- somebody took it for dead
);

create table krakenonce.lane (
    key text primary key,
    holder text,                     -- a session, or null
    unclaimed boolean not null,      -- handed over, and not heard of since
    generation bigint not null,      -- of the grant; never repeated, whatever was lost: a moment, in ms
    low bigint not null,             -- where the numbers of this grant begin
    floor bigint not null,           -- the lowest number that may still be granted
    wish bigint,                     -- the highest floor among those who wait, if it is ahead of the clock
    identity text not null,          -- the timeline on which it was granted last
    queue text[] not null,           -- sessions that wait, first come first served
    events text[] not null           -- the last lines that were remembered of it
) with (fillfactor = 50);

-- A life of the data: it ends with its loss, and when another server takes over. At its beginning there is a quiet time, in
-- which those who hold leases say so, and nobody is given what no one has spoken for.
create table krakenonce.era (
    one boolean primary key default true check (one),
    identity text not null,          -- the timeline
    quiet timestamptz not null       -- until when
);

-- What a crash takes with it: PostgreSQL empties an unlogged table when it starts after one, and only then, and on a standby
-- that is promoted. So a server that may have lost what it had not written to the disk yet is known by another identity.
create unlogged table krakenonce.life (
    one boolean primary key default true check (one),
    id text not null
);
