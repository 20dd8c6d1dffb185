-- What every script on keys begins with. Numbers of 19 digits stay text: a Lua double is exact to 15 digits only.
--
-- KEYS[1] state of the key (hash), KEYS[2] its queue (list of sessions), KEYS[3] the caller's session (hash), KEYS[4]
--   the last events of the key (list of lines), KEYS[5] the era (hash). All five share one hash tag, so that they live on
--   one node of a cluster; so do the sessions of holders and waiters.
-- ARGV[1] caller's session, [2] its incarnation, [3] the engine's identity, [4] margin in s, [5] claim in ms,
--   [6] reservation in s, [7] longest believable lateness in ms, [8] '1' on a cluster, where receivers can't be counted,
--   [9] quiet time in ms after the engine has changed, [10] after its data is lost.
--
-- State: h holder, c '1' until the holder has claimed it (before that it uses less than a second's numbers), g generation,
--   n floor, r '1' if that lies a reservation above where the holder's numbers begin, x floor of those who wait, i identity.
-- Session: u end in ms, t time to live in ms, c incarnation, i identity, b birth, r renewals, d '1' once taken for dead.
--
-- No lease ends because of what this engine's clock shows alone: clocks are set. See acquire.lua.
-- Replies {'S'} if the caller's session is unknown or dead, or another incarnation of it has begun.
local me, identity = ARGV[1], ARGV[3]
local sessions = string.sub(KEYS[3], 1, #KEYS[3] - #me)

local own = redis.call('HMGET', KEYS[3], 'c', 'd')
if own[1] ~= ARGV[2] or own[2] then return {'S'} end

local s = redis.call('HMGET', KEYS[1], 'h', 'c', 'n', 'x', 'i', 'g', 'r')
local state = {
  holder = s[1], unclaimed = s[2], floor = s[3], wish = s[4], identity = s[5], generation = s[6], reserved = s[7],
  is_marked = s[2] or s[4] or s[7]
}
local quiet_left = quiet(KEYS[5], identity, ARGV[9], ARGV[10])
-- In each era a key is unknown until somebody has it: what is written of it may be older than what was done with it.
local is_known = state.identity == identity

local function above(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end

local function highest(a, b)
  return (b and above(b, a)) and b or a
end

local function later(number, seconds, nanoseconds)
  local rest = tonumber(string.sub(number, -9)) + (nanoseconds or 0)
  local whole = tonumber(string.sub(number, 1, -10)) + seconds + math.floor(rest / 1000000000)
  return string.format('%d%09d', whole, rest % 1000000000)
end

-- Returns the lowest number that is above everything that may have been used, the engine's data lost or not.
local function first_free(floor)
  local known = highest(highest(state.floor or '0', state.wish), floor)
  if state.unclaimed and not state.reserved then known = highest(known, later(state.floor, 1)) end
  if is_known then return highest(now, known) end
  local soon = later(now, tonumber(ARGV[4]))
  if not above(known, soon) then return soon end
  -- A key that runs ahead of the clock. Others may have used more of it than anybody who was heard of knows.
  return later(known, tonumber(ARGV[4]), tonumber(clock[2]) * 1000)
end

-- Returns the grant as it is written down, with all that is remembered of the key.
local function grant()
  local low = state.reserved and later(state.floor, -tonumber(ARGV[6])) or state.floor
  local events = table.concat(redis.call('LRANGE', KEYS[4], 0, -1), '\n')
  return {'G', low, state.reserved and state.floor or '0', state.generation, redis.call('LLEN', KEYS[2]), events}
end

-- Gives the key to a session. A number ahead of the clock is bounded by no session's end, so some are reserved.
-- Generations never repeat, whatever was lost: they are moments.
local function give(session, floor, unclaimed)
  local low = first_free(floor)
  local high = above(low, now) and later(low, tonumber(ARGV[6]))
  local generation = string.format('%d', math.max(tonumber(state.generation or '0') + 1, ms))
  if state.is_marked then redis.call('HDEL', KEYS[1], 'x', 'c', 'r') end
  local marks = {}
  if high then marks[1], marks[2] = 'r', '1' end
  if unclaimed then marks[#marks + 1], marks[#marks + 2] = 'c', '1' end
  redis.call('HSET', KEYS[1], 'h', session, 'i', identity, 'g', generation, 'n', high or low, unpack(marks))
  state = {
    holder = session, unclaimed = unclaimed and '1', floor = high or low, identity = identity, generation = generation,
    reserved = high and '1', is_marked = high or unclaimed
  }
  is_known = true
  return grant()
end

-- Returns whether a session that waits is worth a try. A clock that was set forward makes everybody look late.
local function may_live(session)
  local s = redis.call('HMGET', sessions .. session, 'u', 'd')
  return s[1] and not s[2] and tonumber(s[1]) > ms - tonumber(ARGV[7])
end

-- Gives the key to the first in line who is alive and listens. Returns nil if nobody is; the grant if it is the caller.
local function hand_over(floor)
  while true do
    local waiter = redis.call('LPOP', KEYS[2])
    if not waiter then return nil end
    if waiter == me then return give(me, floor, nil) end
    if may_live(waiter) then
      local given = give(waiter, nil, true)
      local text = table.concat({'G', given[4], given[2], given[3], given[5], now, KEYS[1]}, ' ')
      local heard = redis.call('PUBLISH', 'kn:' .. waiter, text .. '\n' .. given[6])
      if heard > 0 or ARGV[8] == '1' then return {'D', 2, state.generation} end
      state.unclaimed = nil  -- nobody can have used it
    end
  end
end

local function is_queued(session)
  return redis.call('LPOS', KEYS[2], session) ~= false
end
