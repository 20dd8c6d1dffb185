-- Keeps one line with the key, for everybody who is granted it after this. ARGV[11]: the line, [12]: how many are kept.
-- Replies {'D', 1}.
redis.call('RPUSH', KEYS[4], ARGV[11])
redis.call('LTRIM', KEYS[4], -tonumber(ARGV[12]), -1)
return {'D', 1}
