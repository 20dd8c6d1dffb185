-- Version 2: what a process may do. Each function is one statement for its caller, so a transaction pooler may sit
-- between. A function that finds the caller's session dead, or another incarnation of it begun, returns kind 'S'.

create type krakenonce.reply as (
    kind text,                       -- G granted, Q queued, D done, S no session
    low bigint, high bigint,         -- G: the first number; below high they are reserved whatever the time (0: none)
    generation bigint,               -- G
    waiting bigint,                  -- G: how many wait; Q: for how many ms at the most; D: 0 nothing, 1 done, 2 handed
    events text                      -- G: what is remembered of the key, a line each
);

-- The present, in ns. Text and numeric only: a float8 is exact to 15 digits.
create function krakenonce.now_ns() returns bigint language sql volatile as
$$ select (extract(epoch from clock_timestamp())::numeric * 1000000000)::bigint $$;

-- Changes when a standby is promoted, when a backup is restored to a point in time, and when a dump is restored.
create function krakenonce.timeline() returns text language sql volatile as
$$ select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.' || 'krakenonce.lane'::regclass::oid $$;

-- True if a session is alive. An end that lies a minute ahead was set by a wrong clock.
create function krakenonce.lives(session text) returns boolean language sql volatile as
$$ select exists (select from krakenonce.session s where s.name = session
    and s.until > clock_timestamp() and s.until <= clock_timestamp() + interval '1 minute') $$;

-- True if the caller may act. A reservation must be on disk before it is used, whatever the server's default is.
create function krakenonce.may_act(me text, with_incarnation bigint) returns boolean language plpgsql volatile as $$
begin
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    return exists (select from krakenonce.session s where s.name = me and s.incarnation = with_incarnation
        and s.until > clock_timestamp());
end $$;

-- Returns the lowest number above everything that may have been used, the engine's data lost or not.
create function krakenonce.first_free(lane krakenonce.lane, me text, floor bigint, margin integer, now_ns bigint)
returns bigint language plpgsql volatile as $$
declare
    low bigint := now_ns;
    doubtful boolean := lane.identity <> krakenonce.timeline();
    ends timestamptz;
begin
    if lane.holder is not null and lane.holder <> me then
        select s.until into ends from krakenonce.session s where s.name = lane.holder;
        if ends is null then
            doubtful := true;
        elsif ends > clock_timestamp() + interval '1 minute' then
            low := (extract(epoch from ends)::numeric * 1000000000)::bigint;
        end if;
    end if;
    low := greatest(low, lane.floor, lane.wish, floor);
    if doubtful then
        -- What is known of a lane that runs ahead of the clock may be older than what others have used of it, perhaps
        -- since the same loss. So what is added grows with the time, and two who begin from the same floor do not meet.
        low := low + margin * 1000000000::bigint + case when low > now_ns then now_ns % 64000000000 else 0 end;
    end if;
    return low;
end $$;

-- Gives a lane to a session. Ahead of the clock no session's end bounds the numbers, so some seconds are reserved.
create function krakenonce.give(inout lane krakenonce.lane, me text, to_session text, from_floor bigint, margin integer,
    deadline timestamptz, out reply krakenonce.reply) language plpgsql volatile as $$
declare
    now_ns bigint := krakenonce.now_ns();
    low bigint := krakenonce.first_free(lane, me, from_floor, margin, now_ns);
    high bigint := case when low > now_ns then least(low, 9223372033854775807) + 3000000000 else 0 end;
begin
    lane.holder := to_session;
    lane.claim := deadline;
    lane.generation := lane.generation + 1;
    lane.floor := greatest(low, high);
    lane.wish := null;
    lane.identity := krakenonce.timeline();
    reply := ('G', low, high, lane.generation, cardinality(lane.queue),
        array_to_string(lane.events, E'\n'))::krakenonce.reply;
end $$;

-- Gives a lane to the first in line who is alive, and tells it. The reply is null if nobody is.
create function krakenonce.hand_over(inout lane krakenonce.lane, me text, floor bigint, margin integer,
    claim_ms integer, out reply krakenonce.reply) language plpgsql volatile as $$
declare
    waiter text;
    deadline timestamptz := clock_timestamp() + claim_ms * interval '1 millisecond';
    given record;
begin
    while cardinality(lane.queue) > 0 loop
        waiter := lane.queue[1];
        lane.queue := lane.queue[2:];
        if waiter = me then
            given := krakenonce.give(lane, me, me, floor, margin, null);
            lane := given.lane;
            reply := given.reply;
            return;
        elsif krakenonce.lives(waiter) then
            given := krakenonce.give(lane, me, waiter, null, margin, deadline);
            lane := given.lane;
            reply := given.reply;
            perform pg_notify('kn_' || waiter, concat_ws(' ', 'H', reply.low, reply.high, reply.generation,
                reply.waiting, (extract(epoch from deadline)::numeric * 1000000000)::bigint, lane.key) || E'\n' || right(reply.events, 7000));
            reply := ('D', null, null, null, 2, null)::krakenonce.reply;
            return;
        end if;
    end loop;
end $$;

create function krakenonce.write(lane krakenonce.lane) returns void language sql volatile as $$
    update krakenonce.lane l set holder = lane.holder, claim = lane.claim, generation = lane.generation,
        floor = lane.floor, wish = lane.wish, identity = lane.identity, queue = lane.queue where l.key = lane.key
$$;

-- Begins or prolongs a session. As long as born_ns is the same, it has been alive all the while on this very timeline.
create function krakenonce.renew(me text, with_incarnation bigint, ttl_ms integer,
    out born_ns bigint, out now_ns bigint, out until_ns bigint) language plpgsql volatile as $$
declare
    was krakenonce.session;
    ends timestamptz;
begin
    select * into was from krakenonce.session s where s.name = me for update;
    if was.incarnation > with_incarnation then
        return;
    end if;
    now_ns := krakenonce.now_ns();
    born_ns := case when krakenonce.lives(me) and was.identity = krakenonce.timeline() then was.born else now_ns end;
    ends := clock_timestamp() + ttl_ms * interval '1 millisecond';
    -- A clock that was set back must not shorten what was promised.
    if was.until <= clock_timestamp() + interval '1 minute' then
        ends := greatest(ends, was.until);
    end if;
    insert into krakenonce.session values (me, ends, with_incarnation, krakenonce.timeline(), born_ns)
        on conflict (name) do update set until = excluded.until, incarnation = excluded.incarnation,
            identity = excluded.identity, born = excluded.born;
    if was.name is null then
        delete from krakenonce.session s where s.until < clock_timestamp() - interval '1 day';
    end if;
    until_ns := (extract(epoch from ends)::numeric * 1000000000)::bigint;
end $$;

-- Wants a lane whose numbers begin at floor or above. Q: somebody else has it, the caller is in the queue, will be told,
-- and asks again after so many ms in case the holder is dead. Asking again changes nothing.
create function krakenonce.acquire(me text, with_incarnation bigint, of_key text, from_floor bigint, margin integer,
    claim_ms integer) returns krakenonce.reply language plpgsql volatile as $$
declare
    lane krakenonce.lane;
    given record;
    ends timestamptz;
begin
    if not krakenonce.may_act(me, with_incarnation) then
        return ('S', null, null, null, null, null)::krakenonce.reply;
    end if;
    select * into lane from krakenonce.lane l where l.key = of_key for update;
    if not found then
        insert into krakenonce.lane values (of_key, null, null, 0, 0, null, '', '{}', '{}') on conflict do nothing;
        select * into lane from krakenonce.lane l where l.key = of_key for update;
    end if;
    if lane.holder = me then
        lane.queue := array_remove(lane.queue, me);
        given := krakenonce.give(lane, me, me, from_floor, margin, null);
        perform krakenonce.write(given.lane);
        return given.reply;
    end if;
    if not me = any(lane.queue) then
        lane.queue := lane.queue || me;
    end if;
    if lane.holder is null or lane.claim <= clock_timestamp() or not krakenonce.lives(lane.holder) then
        given := krakenonce.hand_over(lane, me, from_floor, margin, claim_ms);
        perform krakenonce.write(given.lane);
        if (given.reply).kind = 'G' then
            return given.reply;
        end if;
        return ('Q', null, null, null, claim_ms, null)::krakenonce.reply;
    end if;
    if from_floor > krakenonce.now_ns() then
        lane.wish := greatest(lane.wish, from_floor);
    end if;
    perform krakenonce.write(lane);
    perform pg_notify('kn_' || lane.holder, concat_ws(' ', 'W', lane.generation, lane.key));
    select least(s.until, lane.claim) into ends from krakenonce.session s where s.name = lane.holder;
    return ('Q', null, null, null, (extract(epoch from ends - clock_timestamp()) * 1000)::bigint, null)::krakenonce.reply;
end $$;

-- Gives a lane back and hands it to the first in line. next_floor: the first number that was not used. again: queue.
-- D 0: the caller does not hold it (and does not queue), D 1: nobody waited, D 2: handed over, G: only itself waited.
create function krakenonce.release(me text, with_incarnation bigint, of_key text, of_generation bigint,
    next_floor bigint, again boolean, margin integer, claim_ms integer)
returns krakenonce.reply language plpgsql volatile as $$
declare
    lane krakenonce.lane;
    given record;
begin
    if not krakenonce.may_act(me, with_incarnation) then
        return ('S', null, null, null, null, null)::krakenonce.reply;
    end if;
    select * into lane from krakenonce.lane l where l.key = of_key for update;
    if not found or lane.holder is distinct from me or lane.generation <> of_generation then
        return ('D', null, null, null, 0, null)::krakenonce.reply;
    end if;
    lane.floor := next_floor;
    if again and not me = any(lane.queue) then
        lane.queue := lane.queue || me;
    end if;
    given := krakenonce.hand_over(lane, me, next_floor, margin, claim_ms);
    lane := given.lane;
    if (given.reply).kind is null then
        lane.holder := null;
        lane.claim := null;
        perform krakenonce.write(lane);
        return ('D', null, null, null, 1, null)::krakenonce.reply;
    end if;
    perform krakenonce.write(lane);
    return given.reply;
end $$;

-- Says that a lane that was handed over has arrived. D 1, or D 0 if that is late.
create function krakenonce.claim(me text, with_incarnation bigint, of_key text, of_generation bigint)
returns krakenonce.reply language plpgsql volatile as $$
begin
    if not krakenonce.may_act(me, with_incarnation) then
        return ('S', null, null, null, null, null)::krakenonce.reply;
    end if;
    update krakenonce.lane l set claim = null
        where l.key = of_key and l.holder = me and l.generation = of_generation;
    return ('D', null, null, null, case when found then 1 else 0 end, null)::krakenonce.reply;
end $$;

-- Passes a lane on if the one it was handed to has not claimed it in time.
create function krakenonce.pass(me text, with_incarnation bigint, of_key text, margin integer, claim_ms integer)
returns krakenonce.reply language plpgsql volatile as $$
declare
    lane krakenonce.lane;
    given record;
begin
    if not krakenonce.may_act(me, with_incarnation) then
        return ('S', null, null, null, null, null)::krakenonce.reply;
    end if;
    select * into lane from krakenonce.lane l where l.key = of_key for update;
    if not found or lane.claim is null or lane.claim > clock_timestamp() or lane.holder = me then
        return ('D', null, null, null, 0, null)::krakenonce.reply;
    end if;
    given := krakenonce.hand_over(lane, me, null, margin, claim_ms);
    perform krakenonce.write(given.lane);
    return case when (given.reply).kind is null then ('D', null, null, null, 0, null)::krakenonce.reply else given.reply end;
end $$;

-- Raises the floor of a lane that runs ahead of the clock, because the engine may have lost it.
create function krakenonce.raise_floor(me text, with_incarnation bigint, of_key text, to_floor bigint)
returns krakenonce.reply language plpgsql volatile as $$
begin
    if not krakenonce.may_act(me, with_incarnation) then
        return ('S', null, null, null, null, null)::krakenonce.reply;
    end if;
    insert into krakenonce.lane as l values (of_key, null, null, 0, 0, to_floor, '', '{}', '{}')
        on conflict (key) do update set wish = greatest(l.wish, excluded.wish);
    return ('D', null, null, null, 1, null)::krakenonce.reply;
end $$;

-- Keeps one line with a lane, for everybody who is granted it after this.
create function krakenonce.remember(me text, with_incarnation bigint, of_key text, event text, kept integer)
returns krakenonce.reply language plpgsql volatile as $$
begin
    if not krakenonce.may_act(me, with_incarnation) then
        return ('S', null, null, null, null, null)::krakenonce.reply;
    end if;
    update krakenonce.lane l set events = (l.events || event)[greatest(1, cardinality(l.events) + 2 - kept):]
        where l.key = of_key;
    return ('D', null, null, null, 1, null)::krakenonce.reply;
end $$;
