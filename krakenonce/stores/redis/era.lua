-- What every script begins with: the time, and whether the engine has just lost its data, or may have.
--
-- An era is a life of the engine's data: it ends with its loss, and when another server takes over. At its beginning there
-- is a quiet time, in which those who hold leases say so, and nobody is given what no one has spoken for.
local clock = redis.call('TIME')
local now = clock[1] .. string.format('%06d', tonumber(clock[2])) .. '000'
local ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- Returns how many ms of quiet time are left; begins an era if this is the first word in it. Era: i identity, q end in ms.
local function quiet(era, identity, after_change, after_loss)
  local was = redis.call('HMGET', era, 'i', 'q')
  local ends = tonumber(was[2] or '0')
  if was[1] ~= identity then
    ends = ms + tonumber(was[1] and after_change or after_loss)
    redis.call('HSET', era, 'i', identity, 'q', string.format('%d', ends))
  end
  local longest = math.max(tonumber(after_change), tonumber(after_loss))
  if ends - ms > longest then  -- the clock was set back, maybe before everybody was heard of
    ends = ms + longest
    redis.call('HSET', era, 'q', string.format('%d', ends))
  end
  return math.max(ends - ms, 0)
end
