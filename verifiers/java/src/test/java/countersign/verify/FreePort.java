package countersign.verify;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;

/** Prints a port that is free, or waits until somebody listens on the one given. */
public final class FreePort {
    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            try (ServerSocket socket = new ServerSocket(0)) {
                System.out.println(socket.getLocalPort());
            }
            return;
        }
        for (int tries = 0; tries < 500; tries++) {
            try (Socket socket = new Socket("127.0.0.1", Integer.parseInt(arguments[0]))) {
                return;
            } catch (IOException notYet) {
                Thread.sleep(20);
            }
        }
        throw new IllegalStateException("nobody listens on " + arguments[0]);
    }
}
