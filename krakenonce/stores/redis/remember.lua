-- Keeps one line with the key, for everybody who is granted it after this. ARGV[9]: the line, [10]: how many are kept.
-- Replies {'D', 1}.
redis.call('RPUSH', KEYS[4], ARGV[9])
redis.call('LTRIM', KEYS[4], -tonumber(ARGV[10]), -1)
return {'D', 1}
