-- Version 3: hand-overs that wait for the disk once.

-- As release, but not on disk when it returns. Whoever was handed the lane claims it, which waits for the disk, and with that
-- for everything that was done before. If the server crashes in between, the lane is the caller's again, who is told that it
-- is wanted and releases it once more. For transactions in which nothing else is asked.
create function krakenonce.release_soon(me text, with_incarnation bigint, of_key text, of_generation bigint,
    next_floor bigint, again boolean, margin integer)
returns krakenonce.reply language plpgsql volatile as $$
declare
    reply krakenonce.reply := krakenonce.release(me, with_incarnation, of_key, of_generation, next_floor, again, margin);
begin
    -- A release that found only its caller waiting is a grant, which is used at once.
    if reply.kind <> 'G' then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    return reply;
end $$;
