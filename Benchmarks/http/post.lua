-- One JSON body of BODY_BYTES for every request, to the path of the URL or to the ROUTES - 1 others beside it in turn; the
-- threads' figures as one line of JSON.
local size, routes = tonumber(os.getenv("BODY_BYTES")), tonumber(os.getenv("ROUTES"))
local body = '{"amount":1999,"currency":"usd","text":"'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = body .. string.rep("x", size - #body - 2) .. '"}'

if routes > 1 then
    local requests, last = {}, 0
    function init()
        for number = 1, routes - 1 do
            requests[number] = wrk.format(nil, wrk.path .. "/other-" .. number - 1)
        end
    end
    function request()
        last = last % #requests + 1
        return requests[last]
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%.3f,"p50":%.3f,"p99":%.3f,"max":%.3f,"failed":%d}\n', summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
