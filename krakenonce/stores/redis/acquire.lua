-- Wants the key. ARGV[11]: the lowest number the caller can use. ARGV[12], [13]: what it was told to watch when it asked
--   last, and for how many ms it has done so, by its own clock.
--
-- Replies {'G', low, high, generation, waiting, events} if it is the caller's now: it may use numbers from low on, below
--   high or below its session's end, whichever is higher. {'Q', ms, watch} if somebody else has it, or may have: the caller
--   is in the queue, will be told, and asks again after so many milliseconds. Asking again changes nothing.
--
-- A holder is dead if it has not renewed its session for a time to live by the caller's clock; or if its session has ended
-- by this engine's clock, and it did not renew it either while the caller looked on, for as long as the living need. So
-- neither a clock that is set nor a network that is cut takes a key from a holder who may still send.
local floor = ARGV[11]
if is_known and state.holder == me then
  redis.call('LREM', KEYS[2], 0, me)
  return give(me, floor, nil)
end
if not state.holder and (is_known or quiet_left == 0) and redis.call('EXISTS', KEYS[2]) == 0 then
  return give(me, floor, nil)
end
if not is_queued(me) then redis.call('RPUSH', KEYS[2], me) end
if above(floor, now) then
  state.wish, state.is_marked = highest(floor, state.wish), true
  redis.call('HSET', KEYS[1], 'x', state.wish)
end
if not is_known and quiet_left > 0 then return {'Q', quiet_left, ''} end

local function wait_for_holder()
  local s = redis.call('HMGET', sessions .. state.holder, 'u', 'r', 'd', 't')
  if not s[1] then return nil end
  local ends, ttl = tonumber(s[1]), tonumber(s[4])
  local function begin_above_its_end()  -- it may have used numbers up to there, if the clock was set back since
    state.floor = highest(state.floor, string.format('%d', ends) .. '000000')
  end
  if s[3] then  -- somebody found it dead who waited for another of its keys
    if not state.unclaimed then begin_above_its_end() end
    return nil
  end
  local token = state.holder .. (state.unclaimed and ':' .. state.generation or '.' .. s[2])
  local watched = token == ARGV[12] and tonumber(ARGV[13]) or 0
  local left = math.min(ttl, math.max(ttl * 2 / 5, ends - ms)) - watched
  if state.unclaimed then left = tonumber(ARGV[5]) - watched end
  if left > 0 then return {'Q', math.ceil(left), token} end
  if state.unclaimed then return nil end  -- it has used little of this, and may live on with other keys
  redis.call('HSET', sessions .. state.holder, 'd', '1')
  begin_above_its_end()
end

local waiting = is_known and state.holder and wait_for_holder()
if waiting then
  redis.call('PUBLISH', 'kn:' .. state.holder, table.concat({'W', state.generation, KEYS[1]}, ' '))
  return waiting
end
local given = hand_over(floor)
if given and given[1] == 'G' then return given end
return {'Q', tonumber(ARGV[5]), state.holder .. ':' .. state.generation}
