-- Asks each time for another of the routes that publish_routes makes, at random.
local routes = tonumber(os.getenv("ROUTES"))
math.randomseed(20261124)

function request()
  local number = math.random(1, routes - 1)
  return wrk.format("GET", "/service" .. number % 1000 .. "/v1/orders" .. number .. "/7")
end
