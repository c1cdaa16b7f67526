package example.callmark

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import com.google.firebase.messaging.FirebaseMessagingService
import com.google.firebase.messaging.RemoteMessage
import kotlin.concurrent.thread

/** What your app has: its stores, its user interface, and a queue of work that survives a restart (WorkManager). */
interface App {
    val callerId: CallerId

    /** An overlay or a notification with name, logo and reason; a verified mark where `verified` is true. */
    fun show(callId: String, caller: Caller, shown: Shown)

    /** Registers with the version and push token of now, keeps the new token and catches up; tried until it works. */
    fun registerLater()

    /** The token has ended. Registers again, once the user has proved that the number is still this phone's. */
    fun registrationEnded()

    /** `CallerId.catchUp` as soon as there is a network. */
    fun catchUpLater()

    companion object {
        lateinit var instance: App
    }
}

/** The push service wakes the app. There are some seconds, and the system counts what a wake-up is used for. */
class MessagingService : FirebaseMessagingService() {
    override fun onMessageReceived(message: RemoteMessage) {
        if (message.data["type"] != "callmark.wake") return
        try {
            repeat(STAYS_S) {
                App.instance.callerId.catchUp()
                Thread.sleep(1000) // more may come
            }
        } catch (noNetwork: java.io.IOException) {
            App.instance.catchUpLater()
        }
    }

    override fun onNewToken(token: String) = App.instance.registerLater()

    private companion object {
        const val STAYS_S = 5
    }
}

/** After an update the new version counts once it is registered; after a start the app has missed wake-ups. */
class StartReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        when (intent.action) {
            Intent.ACTION_MY_PACKAGE_REPLACED -> App.instance.registerLater()
            Intent.ACTION_BOOT_COMPLETED -> App.instance.catchUpLater()
        }
    }
}

internal fun inBackground(work: () -> Unit) {
    thread(block = work)
}
