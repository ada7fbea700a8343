-- POSTs as many bytes as BODY says, the same each time.
wrk.method = "POST"
wrk.body = string.rep("x", tonumber(os.getenv("BODY")))
wrk.headers["Content-Type"] = "application/octet-stream"
