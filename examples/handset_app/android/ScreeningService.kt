package example.callmark

import android.telecom.Call
import android.telecom.CallScreeningService
import android.telecom.Connection
import java.util.UUID

/** A call comes in. The phone rings once the service has responded, or five seconds later without it. */
class ScreeningService : CallScreeningService() {
    override fun onScreenCall(details: Call.Details) {
        if (details.callDirection != Call.Details.DIRECTION_INCOMING) return
        val number = details.handle?.schemeSpecificPart?.removePrefix("+")
        if (number.isNullOrEmpty()) return ring(details) // withheld
        val app = App.instance
        val held = app.callerId.heldFor(number)
        if (held != null) {
            show(details, number, held)
            ring(details)
            inBackground { app.callerId.flush() }
        } else {
            inBackground {
                show(details, number, app.callerId.ask(number))
                ring(details)
                app.callerId.flush()
            }
        }
    }

    private fun show(details: Call.Details, number: String, shown: Shown) {
        if (shown.identity == null) return
        val callId = UUID.randomUUID().toString()
        App.instance.show(callId, number, shown)
        App.instance.callerId.note(callId, number, shown, "shown", verification(details))
    }

    private fun ring(details: Call.Details) = respondToCall(details, CallResponse.Builder().build())

    private fun verification(details: Call.Details): String? = when (details.callerNumberVerificationStatus) {
        Connection.VERIFICATION_STATUS_PASSED -> "passed"
        Connection.VERIFICATION_STATUS_FAILED -> "failed"
        else -> null
    }
}
