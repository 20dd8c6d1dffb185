-- Raises the floor of a key that runs ahead of the clock, because the engine may have lost it. ARGV[11]: the floor.
-- Replies {'D', 1}, or {'D', 0} if the clock is beyond it anyway.
if not above(ARGV[11], now) then return {'D', 0} end
redis.call('HSET', KEYS[1], 'x', highest(ARGV[11], state.wish))
return {'D', 1}
