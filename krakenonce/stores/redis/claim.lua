-- Says that a key that was handed over has arrived. ARGV[9]: generation. Replies {'D', 1}, or {'D', 0} if it is late.
if state.holder ~= me or state.generation ~= ARGV[9] then return {'D', 0} end
redis.call('HDEL', KEYS[1], 'c')
return {'D', 1}
