-- Version 2: what a process may do. Each function is one statement for its caller, so a transaction pooler may sit
-- between. A function that finds the caller's session dead, or another incarnation of it begun, returns kind 'S'.

create type krakenonce.reply as (
    kind text,                       -- G granted, Q queued, D done, S no session
    low bigint, high bigint,         -- G: the first number; below high they are reserved whatever the time (0: none)
    generation bigint,               -- G; D 2: under which it was handed over
    waiting bigint,                  -- G: how many wait; Q: ask again after so many ms; D: 0 nothing, 1 done, 2 handed over
    events text                      -- G: what is remembered of the key, a line each; Q: what to watch meanwhile
);

-- The present, in ns. Text and numeric only: a float8 is exact to 15 digits.
create function krakenonce.now_ns() returns bigint language sql volatile as
$$ select (extract(epoch from clock_timestamp())::numeric * 1000000000)::bigint $$;

-- Changes when a standby is promoted, when a backup is restored to a point in time, when a dump is restored, and when the
-- server has crashed.
create function krakenonce.timeline() returns text language sql volatile as
$$ select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.' || 'krakenonce.lane'::regclass::oid || '.'
    || coalesce((select life.id from krakenonce.life), '') $$;

-- Returns a moment in ns.
create function krakenonce.ns(moment timestamptz) returns bigint language sql immutable as
$$ select (extract(epoch from moment)::numeric * 1000000000)::bigint $$;

-- Returns how many ms of quiet time are left. More than was ever set: the clock was set back, maybe before everybody was
-- heard of; it begins anew with the next renewal.
create function krakenonce.quiet(after_change_ms integer, after_loss_ms integer) returns integer
language sql volatile as $$
    select greatest(0, least(greatest(after_change_ms, after_loss_ms), coalesce(
        (select ceil(extract(epoch from e.quiet - clock_timestamp()) * 1000)::bigint from krakenonce.era e),
        after_loss_ms)))::integer
$$;

-- Begins an era if this is the first word in it. Called where no lane is locked: whoever waits for this row holds none.
create function krakenonce.begin_era(this text, after_change_ms integer, after_loss_ms integer) returns void
language plpgsql volatile as $$
declare
    era krakenonce.era;
    longest interval := greatest(after_change_ms, after_loss_ms) * interval '1 millisecond';
begin
    select * into era from krakenonce.era;
    if era.identity is distinct from this then
        insert into krakenonce.era as e (identity, quiet) values (this, clock_timestamp()
            + case when era.identity is null then after_loss_ms else after_change_ms end * interval '1 millisecond')
            on conflict (one) do update set identity = excluded.identity, quiet = excluded.quiet
            where e.identity <> excluded.identity;
    end if;
    update krakenonce.era e set quiet = clock_timestamp() + longest where e.quiet > clock_timestamp() + longest;
end $$;

-- True if a session that waits is worth a try. A clock that was set forward makes everybody look late.
create function krakenonce.may_live(session text) returns boolean language sql volatile as
$$ select exists (select from krakenonce.session s where s.name = session and not s.dead
    and s.until > clock_timestamp() - interval '1 minute') $$;

-- Returns the server's identity if the caller may act, else null. A reservation must be on disk before it is used,
-- whatever the server's default is.
create function krakenonce.may_act(me text, with_incarnation bigint) returns text language plpgsql volatile as $$
begin
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    return (select s.identity from krakenonce.session s where s.name = me and s.incarnation = with_incarnation
        and not s.dead and s.identity = krakenonce.timeline());
end $$;

-- Returns the lane, locked, and made if it is not there.
create function krakenonce.locked(of_key text) returns krakenonce.lane language plpgsql volatile as $$
declare
    lane krakenonce.lane;
begin
    select * into lane from krakenonce.lane l where l.key = of_key for update;
    if not found then
        insert into krakenonce.lane values (of_key, null, false, 0, 0, 0, null, '', '{}', '{}') on conflict do nothing;
        select * into lane from krakenonce.lane l where l.key = of_key for update;
    end if;
    return lane;
end $$;

-- Returns the lowest number above everything that may have been used, the engine's data lost or not.
-- A lane that nobody had in this era is unknown: what is written of it may be older than what was done with it.
create function krakenonce.first_free(lane krakenonce.lane, floor bigint, margin integer, now_ns bigint, this text)
returns bigint language plpgsql volatile as $$
declare
    known bigint := greatest(lane.floor, lane.wish, floor);
    soon bigint := now_ns + margin * 1000000000::bigint;
begin
    if lane.unclaimed then  -- whoever was handed it may have used less than a second's numbers
        known := greatest(known, least(lane.low, 9223372033854775807) + 1000000000);
    end if;
    if lane.identity = this then
        return greatest(now_ns, known);
    elsif known <= soon then
        return soon;
    end if;
    -- A lane that runs ahead of the clock. Others may have used more of it than anybody who was heard of knows.
    return known + margin * 1000000000::bigint + now_ns % 1000000000;
end $$;

-- Returns the grant as it is written down, with all that is remembered of the lane.
create function krakenonce.granted(lane krakenonce.lane) returns krakenonce.reply language sql immutable as
$$ select ('G', lane.low, case when lane.floor > lane.low then lane.floor else 0 end, lane.generation,
    cardinality(lane.queue), array_to_string(lane.events, E'\n'))::krakenonce.reply $$;

-- Gives a lane to a session. Ahead of the clock no session's end bounds the numbers, so some seconds are reserved.
create function krakenonce.give(inout lane krakenonce.lane, to_session text, from_floor bigint, margin integer,
    is_push boolean, this text, out reply krakenonce.reply) language plpgsql volatile as $$
declare
    now_ns bigint := krakenonce.now_ns();
    low bigint := krakenonce.first_free(lane, from_floor, margin, now_ns, this);
    high bigint := case when low > now_ns then least(low, 9223372033854775807) + 3000000000 else 0 end;
begin
    lane.holder := to_session;
    lane.unclaimed := is_push;
    lane.generation := greatest(lane.generation + 1, now_ns / 1000000);
    lane.low := low;
    lane.floor := greatest(low, high);
    lane.wish := null;
    lane.identity := this;
    reply := krakenonce.granted(lane);
end $$;

-- Tells the holder of a lane that it was handed over, with the grant; or without it, if it does not fit into a push.
create function krakenonce.push(lane krakenonce.lane, given krakenonce.reply) returns void language plpgsql volatile as $$
declare
    all_of_it text := concat_ws(' ', 'G', given.generation, given.low, given.high, given.waiting, krakenonce.now_ns(), lane.key)
        || E'\n' || given.events;
    is_short boolean := octet_length(all_of_it) < 8000;
begin
    perform pg_notify('kn_' || lane.holder,
        case when is_short then all_of_it else concat_ws(' ', 'H', lane.generation, lane.key) end);
end $$;

-- Gives a lane to the first in line who may be alive, and tells it. The reply is null if nobody is.
create function krakenonce.hand_over(inout lane krakenonce.lane, me text, floor bigint, margin integer, this text,
    out reply krakenonce.reply) language plpgsql volatile as $$
declare
    waiter text;
    given record;
begin
    while cardinality(lane.queue) > 0 loop
        waiter := lane.queue[1];
        lane.queue := lane.queue[2:];
        if waiter = me then
            given := krakenonce.give(lane, me, floor, margin, false, this);
            lane := given.lane;
            reply := given.reply;
            return;
        elsif krakenonce.may_live(waiter) then
            given := krakenonce.give(lane, waiter, null, margin, true, this);
            lane := given.lane;
            reply := given.reply;
            perform krakenonce.push(lane, reply);
            reply := ('D', null, null, lane.generation, 2, null)::krakenonce.reply;
            return;
        end if;
    end loop;
end $$;

create function krakenonce.write(lane krakenonce.lane) returns void language sql volatile as $$
    update krakenonce.lane l set holder = lane.holder, unclaimed = lane.unclaimed, generation = lane.generation,
        low = lane.low, floor = lane.floor, wish = lane.wish, identity = lane.identity, queue = lane.queue where l.key = lane.key
$$;

-- Gives a lane that was never asked for before, written once. Null if somebody else is making it just now.
create function krakenonce.first_use(me text, of_key text, from_floor bigint, margin integer, this text)
returns krakenonce.reply language plpgsql volatile as $$
declare
    lane krakenonce.lane := (of_key, null, false, 0, 0, 0, null, '', '{}', '{}');
    given record := krakenonce.give(lane, me, from_floor, margin, false, this);
begin
    lane := given.lane;
    insert into krakenonce.lane values (lane.*) on conflict do nothing;
    return case when found then given.reply end;
end $$;

create function krakenonce.no_session() returns krakenonce.reply language sql immutable as
$$ select ('S', null, null, null, null, null)::krakenonce.reply $$;

create function krakenonce.done(effect boolean) returns krakenonce.reply language sql immutable as
$$ select ('D', null, null, null, case when effect then 1 else 0 end, null)::krakenonce.reply $$;

create function krakenonce.wait(ms numeric, watch text) returns krakenonce.reply language sql immutable as
$$ select ('Q', null, null, null, ceil(ms), watch)::krakenonce.reply $$;

-- Begins or prolongs a session. As long as born_ns is the same, nobody took it for dead, on this very timeline.
create function krakenonce.renew(me text, with_incarnation bigint, with_ttl_ms integer, after_change_ms integer,
    after_loss_ms integer, out born_ns bigint, out now_ns bigint, out until_ns bigint) language plpgsql volatile as $$
declare
    was krakenonce.session;
    this text;
    ends timestamptz;
begin
    if not exists (select from krakenonce.life) then
        insert into krakenonce.life (id) values (krakenonce.now_ns()) on conflict do nothing;
    end if;
    this := krakenonce.timeline();
    perform krakenonce.begin_era(this, after_change_ms, after_loss_ms);
    select * into was from krakenonce.session s where s.name = me for update;
    if was.incarnation > with_incarnation then
        return;
    end if;
    now_ns := krakenonce.now_ns();
    born_ns := case when not was.dead and was.identity = this then was.born else now_ns end;
    -- A clock that was set back must not shorten what was promised: others rely on nobody using numbers above the end.
    ends := greatest(clock_timestamp() + with_ttl_ms * interval '1 millisecond', was.until);
    insert into krakenonce.session as s values (me, ends, with_ttl_ms, with_incarnation, this, born_ns, 1, false)
        on conflict (name) do update set until = excluded.until, ttl_ms = excluded.ttl_ms, dead = false,
            incarnation = excluded.incarnation, identity = excluded.identity, born = excluded.born,
            renewals = s.renewals + 1;
    if was.name is null then
        delete from krakenonce.session s where s.until < clock_timestamp() - interval '1 day';
    end if;
    until_ns := krakenonce.ns(ends);
end $$;

-- What acquire does for one lane, once it is known what the server is and for how many ms it is quiet still.
--
-- A holder is dead if it has not renewed its session for a time to live by the caller's clock; or if its session has ended
-- by this server's clock, and it did not renew it either while the caller looked on, for as long as the living need. So
-- neither a clock that is set nor a network that is cut takes a lane from a holder who may still send.
create function krakenonce.acquire_one(me text, this text, quiet_ms integer, of_key text, from_floor bigint, watch text,
    watched_ms bigint, margin integer, claim_ms integer) returns krakenonce.reply language plpgsql volatile as $$
declare
    lane krakenonce.lane;
    given record;
    known boolean;
    reply krakenonce.reply;
    rest numeric;
    s krakenonce.session;
    token text;
begin
    select * into lane from krakenonce.lane l where l.key = of_key for update;
    if not found then
        reply := case when quiet_ms = 0 then krakenonce.first_use(me, of_key, from_floor, margin, this) end;
        if reply.kind = 'G' then
            return reply;
        end if;
        lane := krakenonce.locked(of_key);
    end if;
    known := lane.identity = this;
    if known and lane.holder = me then
        lane.queue := array_remove(lane.queue, me);
        given := krakenonce.give(lane, me, from_floor, margin, false, this);
        perform krakenonce.write(given.lane);
        return given.reply;
    end if;
    if not me = any(lane.queue) then
        lane.queue := lane.queue || me;
    end if;
    if from_floor > krakenonce.now_ns() then
        lane.wish := greatest(lane.wish, from_floor);
    end if;
    if not known and quiet_ms > 0 then
        perform krakenonce.write(lane);
        return krakenonce.wait(quiet_ms, '');
    end if;
    if known and lane.holder is not null then
        select * into s from krakenonce.session h where h.name = lane.holder;
        if s.dead and not lane.unclaimed then
            -- Somebody found it dead who waited for another of its lanes. It may have used numbers up to its end, if the
            -- clock was set back since.
            lane.floor := greatest(lane.floor, krakenonce.ns(s.until));
        elsif not s.dead then
            token := lane.holder || case when lane.unclaimed then ':' || lane.generation else '.' || s.renewals end;
            rest := case when lane.unclaimed then claim_ms else least(s.ttl_ms, greatest(s.ttl_ms * 0.4,
                extract(epoch from s.until - clock_timestamp()) * 1000)) end;
            rest := rest - case when watch = token then watched_ms else 0 end;
            if rest > 0 then
                perform krakenonce.write(lane);
                perform pg_notify('kn_' || lane.holder, concat_ws(' ', 'W', lane.generation, lane.key));
                return krakenonce.wait(rest, token);
            end if;
            if not lane.unclaimed then  -- who has not claimed it has used little of it, and may live on with other lanes
                update krakenonce.session h set dead = true where h.name = lane.holder;
                lane.floor := greatest(lane.floor, krakenonce.ns(s.until));
            end if;
        end if;
    end if;
    given := krakenonce.hand_over(lane, me, from_floor, margin, this);
    lane := given.lane;
    perform krakenonce.write(lane);
    if (given.reply).kind = 'G' then
        return given.reply;
    end if;
    return krakenonce.wait(claim_ms, lane.holder || ':' || lane.generation);
end $$;

-- Wants a lane whose numbers begin at from_floor or above. watch, watched_ms: what the caller was told to watch when it
-- asked last, and for how long it has done so, by its own clock. Q: somebody else has it, or may have; the caller is in the
-- queue, will be told, and asks again after so many ms. Asking again changes nothing.
create function krakenonce.acquire(me text, with_incarnation bigint, of_key text, from_floor bigint, watch text,
    watched_ms bigint, margin integer, claim_ms integer, after_change_ms integer, after_loss_ms integer)
returns krakenonce.reply language plpgsql volatile as $$
declare
    this text := krakenonce.may_act(me, with_incarnation);
begin
    return case when this is null then krakenonce.no_session() else krakenonce.acquire_one(me, this,
        krakenonce.quiet(after_change_ms, after_loss_ms), of_key, from_floor, watch, watched_ms, margin, claim_ms) end;
end $$;

-- Does the same for several lanes, with less ado: a reply for each, in their order.
create function krakenonce.acquire_all(me text, with_incarnation bigint, keys text[], from_floors bigint[], watches text[],
    watched_ms bigint[], margin integer, claim_ms integer, after_change_ms integer, after_loss_ms integer)
returns setof krakenonce.reply language plpgsql volatile as $$
declare
    this text := krakenonce.may_act(me, with_incarnation);
    quiet_ms integer := krakenonce.quiet(after_change_ms, after_loss_ms);
begin
    for place in 1 .. cardinality(keys) loop
        return next case when this is null then krakenonce.no_session() else krakenonce.acquire_one(me, this, quiet_ms,
            keys[place], from_floors[place], watches[place], watched_ms[place], margin, claim_ms) end;
    end loop;
end $$;

-- Gives a lane back and hands it to the first in line. next_floor: the first number that was not used. again: queue.
-- D 0: the caller does not hold it (and does not queue), D 1: nobody waited, D 2: handed over, G: only itself waited.
create function krakenonce.release(me text, with_incarnation bigint, of_key text, of_generation bigint,
    next_floor bigint, again boolean, margin integer)
returns krakenonce.reply language plpgsql volatile as $$
declare
    this text := krakenonce.may_act(me, with_incarnation);
    lane krakenonce.lane;
    given record;
begin
    if this is null then
        return krakenonce.no_session();
    end if;
    lane := krakenonce.locked(of_key);
    if lane.identity <> this or lane.holder is distinct from me or lane.generation <> of_generation then
        return krakenonce.done(false);
    end if;
    lane.floor := greatest(next_floor, lane.low);  -- who never heard of the grant knows less than it began with
    lane.unclaimed := false;
    if again and not me = any(lane.queue) then
        lane.queue := lane.queue || me;
    end if;
    given := krakenonce.hand_over(lane, me, next_floor, margin, this);
    lane := given.lane;
    if (given.reply).kind is null then
        lane.holder := null;
    end if;
    perform krakenonce.write(lane);
    return coalesce(given.reply, krakenonce.done(true));
end $$;

-- Does the same, and does not wait until that is on disk, if it is a hand-over: a crash that undoes it begins a new era,
-- whose numbers lie above whatever was used meanwhile. For transactions in which nothing else is asked.
create function krakenonce.release_soon(me text, with_incarnation bigint, of_key text, of_generation bigint,
    next_floor bigint, again boolean, margin integer)
returns krakenonce.reply language plpgsql volatile as $$
declare
    reply krakenonce.reply := krakenonce.release(me, with_incarnation, of_key, of_generation, next_floor, again, margin);
begin
    -- A release that found only its caller waiting is a grant, which lasts.
    if reply.kind <> 'G' then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    return reply;
end $$;

-- Takes a lane that was handed over. G, or D 0 if that is late.
create function krakenonce.claim(me text, with_incarnation bigint, of_key text, of_generation bigint)
returns krakenonce.reply language plpgsql volatile as $$
declare
    this text := krakenonce.may_act(me, with_incarnation);
    lane krakenonce.lane;
begin
    if this is null then
        return krakenonce.no_session();
    end if;
    update krakenonce.lane l set unclaimed = false
        where l.key = of_key and l.holder = me and l.generation = of_generation and l.identity = this
        returning l.* into lane;
    return case when found then krakenonce.granted(lane) else krakenonce.done(false) end;
end $$;

-- Passes on what the caller has handed over under of_generation and was not claimed since. The caller's clock says that it
-- was given the time.
create function krakenonce.pass(me text, with_incarnation bigint, of_key text, of_generation bigint, margin integer)
returns krakenonce.reply language plpgsql volatile as $$
declare
    this text := krakenonce.may_act(me, with_incarnation);
    lane krakenonce.lane;
    given record;
begin
    if this is null then
        return krakenonce.no_session();
    end if;
    lane := krakenonce.locked(of_key);
    if not lane.unclaimed or lane.generation <> of_generation or lane.holder = me or lane.identity <> this then
        return krakenonce.done(false);
    end if;
    given := krakenonce.hand_over(lane, me, null, margin, this);
    perform krakenonce.write(given.lane);
    return coalesce(given.reply, krakenonce.done(false));
end $$;

-- Says in a new era that the caller has the lane, under the generation of the era before, and that numbers below to_floor
-- are used or reserved. D 1, or D 0 if that comes too late: somebody else was given it.
create function krakenonce.keep(me text, with_incarnation bigint, of_key text, of_generation bigint, to_floor bigint)
returns krakenonce.reply language plpgsql volatile as $$
declare
    this text := krakenonce.may_act(me, with_incarnation);
    lane krakenonce.lane;
begin
    if this is null then
        return krakenonce.no_session();
    end if;
    lane := krakenonce.locked(of_key);
    if lane.identity = this then
        update krakenonce.lane l set unclaimed = false
            where l.key = of_key and l.holder = me and l.generation = of_generation;
        return krakenonce.done(found);
    elsif lane.generation > of_generation then
        return krakenonce.done(false);
    end if;
    lane.holder := me;
    lane.unclaimed := false;
    lane.generation := of_generation;
    lane.low := greatest(lane.floor, lane.wish, to_floor);
    lane.floor := lane.low;
    lane.identity := this;
    perform krakenonce.write(lane);
    return krakenonce.done(true);
end $$;

-- Raises the floor of a lane that runs ahead of the clock, because the engine may have lost it.
create function krakenonce.raise_floor(me text, with_incarnation bigint, of_key text, to_floor bigint)
returns krakenonce.reply language plpgsql volatile as $$
declare
    this text := krakenonce.may_act(me, with_incarnation);
begin
    if this is null then
        return krakenonce.no_session();
    end if;
    insert into krakenonce.lane as l values (of_key, null, false, 0, 0, 0, to_floor, '', '{}', '{}')
        on conflict (key) do update set wish = greatest(l.wish, excluded.wish);
    return krakenonce.done(true);
end $$;

-- Keeps one line with a lane, for everybody who is granted it after this.
create function krakenonce.remember(me text, with_incarnation bigint, of_key text, event text, kept integer)
returns krakenonce.reply language plpgsql volatile as $$
declare
    this text := krakenonce.may_act(me, with_incarnation);
begin
    if this is null then
        return krakenonce.no_session();
    end if;
    insert into krakenonce.lane as l values (of_key, null, false, 0, 0, 0, null, '', '{}', array[event])
        on conflict (key) do update
        set events = (l.events || event)[greatest(1, cardinality(l.events) + 2 - kept):];
    return krakenonce.done(true);
end $$;
