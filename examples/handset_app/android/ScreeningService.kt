package example.callmark

import android.os.Build
import android.telecom.Call
import android.telecom.CallScreeningService
import android.telecom.Connection
import android.telephony.PhoneNumberUtils
import android.telephony.TelephonyManager
import java.util.Locale
import java.util.UUID

/** A call comes in. The phone rings once the service has responded, or five seconds later without it. */
class ScreeningService : CallScreeningService() {
    override fun onScreenCall(details: Call.Details) {
        if (details.callDirection != Call.Details.DIRECTION_INCOMING) return
        val number = details.handle?.schemeSpecificPart
        if (number.isNullOrEmpty()) return ring(details) // withheld
        inBackground {
            try {
                show(details, callerOf(number))
            } finally {
                ring(details) // whatever has failed: until then the phone is silent
            }
            App.instance.callerId.flush()
        }
    }

    private fun show(details: Call.Details, caller: Caller) {
        val callerId = App.instance.callerId
        val shown = callerId.heldFor(caller) ?: callerId.ask(caller)
        if (shown.identity == null) return
        val callId = UUID.randomUUID().toString()
        App.instance.show(callId, caller, shown)
        callerId.note(callId, caller, shown, "shown", verification(details))
    }

    private fun ring(details: Call.Details) = respondToCall(details, CallResponse.Builder().build())

    /** The network's country, in Wi-Fi calls without a network the SIM's. Within it, numbers come without a `+`. */
    private fun callerOf(number: String): Caller {
        val telephony = getSystemService(TelephonyManager::class.java)
        val region = telephony.networkCountryIso.ifEmpty { telephony.simCountryIso }.toUpperCase(Locale.ROOT)
        val complete = if (number.startsWith("+")) number else PhoneNumberUtils.formatNumberToE164(number, region)
        return Caller(number, region, complete.orEmpty().removePrefix("+"))
    }

    private fun verification(details: Call.Details): String? {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) return null // Android 10 does not know it
        return when (details.callerNumberVerificationStatus) {
            Connection.VERIFICATION_STATUS_PASSED -> "passed"
            Connection.VERIFICATION_STATUS_FAILED -> "failed"
            else -> null
        }
    }
}
