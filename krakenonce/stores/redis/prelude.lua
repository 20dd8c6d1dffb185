-- What every script on keys begins with. Numbers of 19 digits stay text: a Lua double is exact to 15 digits only.
--
-- KEYS[1] state of the key (hash), KEYS[2] its queue (list of sessions), KEYS[3] the caller's session (hash), KEYS[4]
--   the last events of the key (list of lines). All four share one hash tag, so that they live on one node of a cluster; so do the sessions of holders and waiters.
-- ARGV[1] caller's session, [2] its incarnation, [3] the engine's identity, [4] margin in s, [5] claim in ms,
--   [6] reservation in s, [7] longest believable session in ms, [8] '1' on a cluster, where receivers can't be counted.
--
-- State: h holder, c claim deadline in ms (until claimed), g generation, n floor, x floor of those who wait, i identity.
-- Session: u end in ms, c incarnation, i identity, b birth in ms.
--
-- Replies {'S'} if the caller's session is dead, or another incarnation of it has begun.
local me, identity = ARGV[1], ARGV[3]
local longest = tonumber(ARGV[7])
local sessions = string.sub(KEYS[3], 1, #KEYS[3] - #me)
local clock = redis.call('TIME')
local now = clock[1] .. string.format('%06d', tonumber(clock[2])) .. '000'
local ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local own = redis.call('HMGET', KEYS[3], 'u', 'c')
if not own[1] or tonumber(own[1]) <= ms or own[2] ~= ARGV[2] then return {'S'} end

local function read_state()
  local s = redis.call('HMGET', KEYS[1], 'h', 'c', 'n', 'x', 'i', 'g')
  return {holder = s[1], deadline = tonumber(s[2] or ''), floor = s[3], wish = s[4], identity = s[5], generation = s[6]}
end
local state = read_state()

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

-- Returns whether a session is alive, and its end in ms. An end that lies too far ahead was set by a wrong clock.
local function life(session)
  local ends = tonumber(redis.call('HGET', sessions .. session, 'u') or '')
  return ends ~= nil and ends > ms and ends <= ms + longest, ends
end

-- Returns the lowest number that is above everything that may have been used, the engine's data lost or not.
local function first_free(floor)
  local low, doubtful = now, state.identity ~= identity
  if state.holder and state.holder ~= me then
    local _, ends = life(state.holder)
    if not ends then
      doubtful = true
    elseif ends > ms + longest then
      low = string.format('%d', ends) .. '000000'
    end
  end
  low = highest(highest(highest(low, state.floor), state.wish), floor)
  if not doubtful then return low end
  if low == now then return later(now, tonumber(ARGV[4])) end
  -- What is known of a key that runs ahead of the clock may be older than what others have used of it, perhaps since the
  -- same loss. So what is added grows with the time, and two who begin from the same floor do not meet.
  return later(low, tonumber(ARGV[4]) + tonumber(clock[1]) % 64, tonumber(clock[2]) * 1000)
end

-- Gives the key to a session. A number ahead of the clock is bounded by no session's end, so some are reserved.
local function give(session, floor, deadline)
  local low = first_free(floor)
  local high = above(low, now) and later(low, tonumber(ARGV[6])) or '0'
  redis.call('HSET', KEYS[1], 'h', session, 'n', high == '0' and low or high, 'i', identity)
  if deadline then
    redis.call('HSET', KEYS[1], 'c', deadline)
    redis.call('HDEL', KEYS[1], 'x')
  else
    redis.call('HDEL', KEYS[1], 'x', 'c')
  end
  local generation = redis.call('HINCRBY', KEYS[1], 'g', 1)
  state = read_state()
  return {'G', low, high, generation, redis.call('LLEN', KEYS[2]), table.concat(redis.call('LRANGE', KEYS[4], 0, -1), '\n')}
end

-- Gives the key to the first in line who is alive and listens. Returns nil if nobody is; the grant if it is the caller.
local function hand_over(floor)
  while true do
    local waiter = redis.call('LPOP', KEYS[2])
    if not waiter then return nil end
    if waiter == me then return give(me, floor, nil) end
    if life(waiter) then
      local deadline = ms + tonumber(ARGV[5])
      local grant = give(waiter, nil, deadline)
      local text = table.concat({'H', grant[2], grant[3], grant[4], grant[5], deadline, KEYS[1]}, ' ') .. '\n' .. grant[6]
      local heard = redis.call('PUBLISH', 'kn:' .. waiter, text)
      if heard > 0 or ARGV[8] == '1' then return {'D', 2} end
    end
  end
end

local function is_queued(session)
  return redis.call('LPOS', KEYS[2], session) ~= false
end
