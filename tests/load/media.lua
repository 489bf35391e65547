-- The requests of many users at once: each tenth one names a URL that somebody made up to do harm.

local threads = {}
local hostile = {"inside", "metadata", "bomb", "large", "drip", "stall", "cut", "loop", "page"}
local sent = 0

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   images = args[1]
   for _, status in ipairs({200, 400, 502, 504, 0}) do
      _G["status_" .. status] = 0
   end
end

local function url_of(number)
   if number % 10 ~= 0 then
      return images .. "/image/" .. number
   end
   local kind = hostile[number / 10 % #hostile + 1]
   if kind == "inside" then
      return "http://10.0.0.1/"
   elseif kind == "metadata" then
      return "http://169.254.169.254/latest/meta-data/"
   end
   return images .. "/" .. kind
end

function request()
   sent = sent + 1
   local part = '{"type": "image_url", "image_url": {"url": "' .. url_of(sent) .. '"}}'
   local body = '{"messages": [{"role": "user", "content": [' .. part .. ']}]}'
   return wrk.format("POST", "/v1/chat/completions", {["Content-Type"] = "application/json"}, body)
end

function response(status)
   local name = "status_" .. status
   if _G[name] == nil then
      name = "status_0"
   end
   _G[name] = _G[name] + 1
end

function done(summary, latency, requests)
   local counts = {}
   for _, status in ipairs({200, 400, 502, 504, 0}) do
      local count = 0
      for _, thread in ipairs(threads) do
         count = count + thread:get("status_" .. status)
      end
      table.insert(counts, string.format('"%d": %d', status, count))
   end
   local errors = summary.errors
   io.write(string.format('\nJSON {"statuses": {%s}, "requests": %d, "seconds": %f, "p50": %f, "p99": %f, "broken": %d}\n',
      table.concat(counts, ", "), summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
      latency:percentile(99) / 1e3, errors.connect + errors.read + errors.write + errors.timeout))
end
