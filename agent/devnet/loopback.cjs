// alto binds every interface and has no option for it. Preloaded with `node -r`, this keeps every
// server of the process on the loopback interface.
"use strict"

const net = require("node:net")

const listen = net.Server.prototype.listen

net.Server.prototype.listen = function (...parameters) {
    const [first, second] = parameters
    if (typeof first === "object" && first !== null && first.port !== undefined) {
        parameters[0] = { ...first, host: "127.0.0.1" }
    } else if (typeof first === "number" && typeof second === "string") {
        parameters[1] = "127.0.0.1"
    } else if (typeof first === "number") {
        parameters.splice(1, 0, "127.0.0.1")
    }
    return listen.apply(this, parameters)
}
