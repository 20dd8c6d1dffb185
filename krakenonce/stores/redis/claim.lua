-- Takes a key that was handed over. ARGV[11]: generation. Replies the grant, or {'D', 0} if that is late.
if not is_known or state.holder ~= me or state.generation ~= ARGV[11] then return {'D', 0} end
redis.call('HDEL', KEYS[1], 'c')
return grant()
