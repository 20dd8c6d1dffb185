-- Wants the key. ARGV[9]: the lowest number the caller can use.
--
-- Replies {'G', low, high, generation, waiting, events} if it is the caller's now: it may use numbers from low on, below high or
--   below its session's end, whichever is higher. {'Q', ms} if somebody else has it: the caller is in the queue, will
--   be told, and asks again after so many milliseconds in case the holder is dead. Asking again changes nothing.
local floor = ARGV[9]
if state.holder == me then
  redis.call('LREM', KEYS[2], 0, me)
  return give(me, floor, nil)
end
local alive, ends = false, nil
if state.holder then alive, ends = life(state.holder) end
local unclaimed = state.deadline ~= nil and state.deadline <= ms
if not is_queued(me) then redis.call('RPUSH', KEYS[2], me) end
if not alive or unclaimed then
  local given = hand_over(floor)
  if given and given[1] == 'G' then return given end
  return {'Q', tonumber(ARGV[5])}
end
if above(floor, now) then redis.call('HSET', KEYS[1], 'x', highest(floor, state.wish)) end
redis.call('PUBLISH', 'kn:' .. state.holder, table.concat({'W', state.generation, KEYS[1]}, ' '))
return {'Q', math.min(ends, state.deadline or ends) - ms}
