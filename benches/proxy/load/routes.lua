-- Asks each time for another of the routes that publish_routes makes, at random. All paths are of one
-- length, so that few routes and many differ in nothing but their number.
local routes = tonumber(os.getenv("ROUTES"))
math.randomseed(20261124)

function request()
  local number = math.random(1, routes - 1)
  return wrk.format("GET", string.format("/service%03d/v1/orders%06d/7", number % 1000, number))
end
