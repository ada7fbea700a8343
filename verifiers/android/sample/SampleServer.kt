// A sample backend in Kotlin, of nothing that Android's API level 23 has not. On a device, it runs
// in a service's thread; here, `java -cp ... SampleServerKt --key KEY --secret-file FILE`.

import countersign.verify.Lookup
import countersign.verify.Options
import countersign.verify.Refused
import countersign.verify.Request
import countersign.verify.Verified
import countersign.verify.Verifier
import java.io.File
import java.security.MessageDigest

fun main(arguments: Array<String>) {
    fun given(name: String): String? = arguments.indexOf(name).let { if (it < 0) null else arguments[it + 1] }
    val key = given("--key")
    // One line end at the end of the file is no part of the secret.
    val secret = File(given("--secret-file") ?: "secret").readText().removeSuffix("\n").removeSuffix("\r")
    val options = Options().unsignedPayloadAllowed("--allow-unsigned-payload" in arguments)
    val verifier = Verifier(Lookup { _, asked -> if (asked == key) listOf(secret) else null }, options)

    val server = PlainHttp((given("--port") ?: "9000").toInt(), PlainHttp.Handler { answer(it, verifier) })
    println("listening on 127.0.0.1:${server.port()}")
    server.serve()
}

private fun answer(exchange: Exchange, verifier: Verifier) {
    try {
        val verified = verifier.verify(exchange.received())
        exchange.answer(200, exchange.seen(verified, verified.body() ?: exchange.body.readBytes()))
    } catch (refused: Refused) {
        exchange.answer(refused.status(), refused.toJson())
    }
}

fun Exchange.received(): Request {
    val request = Request(method, target).body(body)
    for ((name, value) in headers) request.header(name, value)
    return request
}

private fun Exchange.seen(verified: Verified, body: ByteArray): String {
    val hash = MessageDigest.getInstance("SHA-256").digest(body).joinToString("") { "%02x".format(it) }
    val shown = headers.joinToString { (name, value) -> "[${quoted(name)}, ${quoted(redacted(value))}]" }
    return """{"verified": true, "key": ${quoted(verified.key())}, "scheme": ${quoted(verified.scheme().text())},
        | "payload_signed": ${verified.payloadSigned()}, "method": ${quoted(method)}, "target": ${quoted(target)},
        | "headers": [$shown], "body_bytes": ${body.size}, "body_sha256": "$hash"}
        |""".trimMargin()
}

/** A header's value; a Basic one without its credentials. */
private fun redacted(value: String) =
    if (value.trim().startsWith("basic", ignoreCase = true)) "Basic (redacted)" else value

private fun quoted(text: String): String = text.toCharArray().joinToString("", "\"", "\"") {
    if (it in ' '..'~' && it != '"' && it != '\\') it.toString() else "\\u%04x".format(it.toInt())
}
