-- Version 1: the tables. Numbers are bigint: nanoseconds fit until 2262, and no double ever touches them.

create table krakenonce.session (
    name text primary key,           -- one process, made up anew at each start
    until timestamptz not null,      -- a session that is not renewed until then is dead, and its keys are free
    incarnation bigint not null,     -- rises with each connection; what an older one still asks is void
    identity text not null,          -- the timeline on which it was begun
    born bigint not null             -- when it was begun, in ns; the same as long as it never lapsed
);

create table krakenonce.lane (
    key text primary key,
    holder text,                     -- a session, or null
    claim timestamptz,               -- what was handed over is passed on if it is not claimed until then
    generation bigint not null,      -- counts the grants
    floor bigint not null,           -- the lowest number that may still be granted
    wish bigint,                     -- the highest floor among those who wait, if it is ahead of the clock
    identity text not null,          -- the timeline on which it was granted last
    queue text[] not null,           -- sessions that wait, first come first served
    events text[] not null           -- the last lines that were remembered of it
) with (fillfactor = 50);
