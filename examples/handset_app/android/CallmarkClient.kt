package example.callmark

import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL
import org.json.JSONArray
import org.json.JSONObject

/** The gateway has refused what was asked; to ask again is of no use unless `isPassing` or `isSignedOut`. */
class Refused(val status: Int, message: String) : IOException(message) {
    val isPassing: Boolean get() = status == 408 || status == 429 || status >= 500

    /** The token has ended: the same is taken once the app is registered again. */
    val isSignedOut: Boolean get() = status == 401
}

/**
 * The handset gateway by plain HTTP (docs/gateway.md). Each function waits for the network: not on the main thread.
 * `onSignedOut` is `App.registrationEnded`.
 */
class CallmarkClient(private val baseUrl: String, private val token: String, private val onSignedOut: () -> Unit) {
    fun sync(held: Collection<String>, cursor: String?): JSONObject {
        val body = JSONObject().put("held", JSONArray(held))
        if (cursor != null) body.put("cursor", cursor)
        return post("sync", body)
    }

    fun ack(records: List<JSONObject>) {
        post("ack", JSONObject().put("records", JSONArray(records)))
    }

    /** Who calls. The phone is about to ring, so there is a second for the answer. */
    fun resolve(caller: Caller, timeZone: String): JSONObject =
        post("resolve", caller.putInto(JSONObject()).put("time_zone", timeZone), 1000)

    fun report(call: JSONObject) {
        post("call", call)
    }

    fun callMeBack(wish: JSONObject) {
        post("call_me_back", wish)
    }

    /** The user signs out. */
    fun forget() {
        request(baseUrl, token, "DELETE", "registrations", null, LONGEST_MS)
    }

    private fun post(verb: String, body: JSONObject, withinMs: Int = LONGEST_MS): JSONObject =
        try {
            request(baseUrl, token, "POST", verb, body, withinMs)
        } catch (refused: Refused) {
            if (refused.isSignedOut) onSignedOut()
            throw refused
        }

    companion object {
        private const val LONGEST_MS = 10_000

        /** Registers the number for this installation of the app; gives the token of the registration. */
        fun register(baseUrl: String, appKey: String, number: String, appVersion: String, pushToken: String?): String {
            val body = JSONObject().put("phone_number", number).put("os", "android").put("app_version", appVersion)
            if (pushToken != null) body.put("push_service", "fcm").put("push_token", pushToken)
            return request(baseUrl, appKey, "POST", "registrations", body, LONGEST_MS).getString("token")
        }

        private fun request(
            baseUrl: String, credential: String, method: String, path: String, body: JSONObject?, withinMs: Int
        ): JSONObject {
            val connection = URL("$baseUrl/handset/v1/$path").openConnection() as HttpURLConnection
            try {
                connection.requestMethod = method
                connection.connectTimeout = withinMs
                connection.readTimeout = withinMs
                connection.setRequestProperty("Authorization", "Bearer $credential")
                if (body != null) {
                    connection.doOutput = true
                    connection.setRequestProperty("Content-Type", "application/json")
                    connection.outputStream.use { it.write(body.toString().toByteArray()) }
                }
                val status = connection.responseCode
                val stream = if (status < 400) connection.inputStream else connection.errorStream
                val text = stream?.use { it.reader().readText() } ?: ""
                if (status >= 400) throw Refused(status, text.take(300))
                return if (text.isEmpty()) JSONObject() else JSONObject(text)
            } finally {
                connection.disconnect()
            }
        }
    }
}
