package example.callmark

import java.io.IOException
import java.util.Locale
import java.util.TimeZone
import kotlin.math.abs
import org.json.JSONObject

/** What the app keeps. It must be on disk, such as in Room: the system ends the app whenever it likes. */
interface Store {
    /** How far the server's clock is ahead of this phone's, in milliseconds. */
    var aheadMs: Long
    fun held(): List<JSONObject>
    fun hold(identity: JSONObject)
    fun drop(recordId: String)
    fun reports(): List<JSONObject>
    fun addReport(report: JSONObject)
    fun dropReport(report: JSONObject)
}

/**
 * Who calls, as the system says it: with `+`, or in the form of `region`, the country of the network. An empty region
 * is sent too: the gateway then refuses a number without `+`, which it would otherwise read as another country's.
 * `withCode` is country code and digits, as records have them; empty where this phone cannot tell.
 */
class Caller(val number: String, val region: String, val withCode: String) {
    fun putInto(body: JSONObject): JSONObject = body.put("caller_number", number).put("region", region)
}

/** What shows for a call, and what may be offered when it is over. */
class Shown(val identity: JSONObject?, val source: String, val offers: JSONObject?)

/** What a caller-ID app does with the gateway. Its functions wait for the network: never on the main thread. */
class CallerId(private val client: CallmarkClient, private val store: Store) {
    private fun now() = System.currentTimeMillis() + store.aheadMs

    /** Gets what it lacks and says that it holds it; then sends the reports that nobody has received. */
    @Synchronized
    fun catchUp() {
        store.held().filter { it.endsAt() <= now() }.forEach { store.drop(it.recordId()) }
        val ids = store.held().map { it.recordId() }
        for (held in if (ids.isEmpty()) listOf(ids) else ids.chunked(MOST_AT_ONCE)) {
            var cursor: String? = null
            do cursor = page(held, cursor) while (cursor != null)
        }
        flush()
    }

    private fun page(held: List<String>, cursor: String?): String? {
        val page = client.sync(held, cursor)
        store.aheadMs = page.getLong("now") - System.currentTimeMillis()
        val withdrawn = page.getJSONArray("withdrawn")
        for (i in 0 until withdrawn.length()) store.drop(withdrawn.getJSONObject(i).getString("id"))
        val identities = page.getJSONArray("identities")
        val came = (0 until identities.length()).map { identities.getJSONObject(it) }
        came.forEach { store.hold(it) }
        if (came.isNotEmpty()) client.ack(came.map { it.getJSONObject("record") })
        return if (page.isNull("cursor")) null else page.getString("cursor")
    }

    /** What is held for this caller: of the records whose window is open the newest, of one batch the later one. */
    fun heldFor(caller: Caller): Shown? {
        val open = store.held().filter {
            it.getString("caller_number") == caller.withCode && it.getLong("starts_at") <= now() && now() < it.endsAt()
        }
        val newest = open.sortedWith(compareBy({ it.getLong("accepted_at") }, { it.getInt("position") })).lastOrNull()
        return newest?.let { Shown(it, "call_record", null) }
    }

    /** What the gateway says; nothing where it does not answer in time. Do not keep it beyond the call. */
    fun ask(caller: Caller): Shown =
        try {
            val answer = resolve(caller)
            Shown(answer.optJSONObject("identity"), answer.getString("source"), answer.getJSONObject("offers"))
        } catch (late: IOException) {
            Shown(null, "none", null)
        }

    /** In this phone's zone; where the gateway does not know its name, by its offset from UTC. */
    private fun resolve(caller: Caller): JSONObject {
        val zone = TimeZone.getDefault()
        return try {
            client.resolve(caller, zone.id)
        } catch (refused: Refused) {
            if (refused.status != 400 || "time_zone" !in refused.message.orEmpty()) throw refused
            val minutes = zone.getOffset(now()) / 60_000
            val sign = if (minutes < 0) "-" else "+"
            val offset = "%s%02d:%02d".format(Locale.ROOT, sign, abs(minutes) / 60, abs(minutes) % 60)
            client.resolve(caller, offset)
        }
    }

    /** Notes a fact of a call: `shown`, then `answered`, `missed` or `rejected`. `flush` sends it. */
    fun note(callId: String, caller: Caller, shown: Shown, event: String, verification: String?) {
        val report = caller.putInto(JSONObject()).put("call_id", callId).put("event", event).put("source", shown.source)
        if (shown.source == "call_record") report.put("record", shown.identity!!.getJSONObject("record"))
        if (verification != null) report.put("verification", verification)
        store.addReport(report)
    }

    /** Sends what is to be reported, in order; what cannot be sent now, or by this token, stays. */
    fun flush() {
        for (report in store.reports()) {
            try {
                client.report(report)
            } catch (refused: Refused) {
                if (refused.isPassing || refused.isSignedOut) return
            } catch (noNetwork: IOException) {
                return
            }
            store.dropReport(report)
        }
    }

    private fun JSONObject.recordId() = getJSONObject("record").getString("id")

    private fun JSONObject.endsAt() = getJSONObject("record").getLong("ends_at")

    private companion object {
        const val MOST_AT_ONCE = 200
    }
}
