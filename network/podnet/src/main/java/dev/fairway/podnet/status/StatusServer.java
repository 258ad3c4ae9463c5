// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.status;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// Gives the node's status, as one JSON object, to whoever connects to a unix socket that only root
/// may open. Nothing is read from the caller: `socat - UNIX:podnet.sock` shows it all.
///
/// Callers are served one after another; one that does not read is hung up on.
public final class StatusServer implements AutoCloseable {
  /// The socket's name, beside the one for CNI.
  public static final String SOCKET = "podnet.sock";

  private static final Logger LOG = LoggerFactory.getLogger(StatusServer.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration PAUSE = Duration.ofMillis(100);
  private static final int LARGEST_BYTES = 64 << 20;

  private final Path socket;
  private final ServerSocketChannel listener;
  private final Supplier<NodeStatus> status;
  private final JsonMapper json = new JsonMapper();

  private StatusServer(Path socket, ServerSocketChannel listener, Supplier<NodeStatus> status) {
    this.socket = socket;
    this.listener = listener;
    this.status = status;
  }

  /// Listens until closed.
  ///
  /// @param status is asked on a thread of the server
  /// @throws IOException if the socket cannot be made; the message names it
  public static StatusServer start(Path socket, Supplier<NodeStatus> status) throws IOException {
    Files.deleteIfExists(socket); // of an agent that was killed
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      listener.bind(UnixDomainSocketAddress.of(socket));
      Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
    } catch (IOException e) {
      listener.close();
      throw new IOException("the socket " + socket + " cannot be made: " + e.getMessage(), e);
    }
    StatusServer server = new StatusServer(socket, listener, status);
    Thread.ofPlatform().name("podnet-status").daemon(true).start(server::serve);
    return server;
  }

  /// Asks the agent behind a socket.
  ///
  /// @throws IOException if nobody answers, or not with a status; the message names the socket
  public static NodeStatus ask(Path socket) throws IOException {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(socket));
      Thread watch = hangUpAfterPatience(channel);
      try {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        answer.write(Channels.newInputStream(channel).readNBytes(LARGEST_BYTES));
        return parse(answer.toString(StandardCharsets.UTF_8));
      } finally {
        watch.interrupt();
      }
    } catch (IOException | IllegalArgumentException e) {
      throw new IOException("the agent at " + socket + " does not answer: " + e.getMessage(), e);
    }
  }

  /// Reads what the server gives.
  ///
  /// @throws IllegalArgumentException if it is something else
  public static NodeStatus parse(String text) {
    try {
      NodeStatus status = new JsonMapper().readValue(text, NodeStatus.class);
      if (status == null || status.node() == null) {
        throw new IllegalArgumentException("it is not the status of a node");
      }
      return status;
    } catch (JacksonException | NullPointerException e) {
      throw new IllegalArgumentException("it is not the status of a node", e);
    }
  }

  private void serve() {
    while (listener.isOpen()) {
      try (SocketChannel channel = listener.accept()) {
        byte[] text = json.writeValueAsBytes(status.get());
        Thread watch = hangUpAfterPatience(channel);
        try {
          ByteBuffer bytes = ByteBuffer.wrap(text);
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        } finally {
          watch.interrupt();
        }
      } catch (IOException | RuntimeException e) {
        if (listener.isOpen()) {
          LOG.info("The pod network's status was not given: {}", e.toString());
          LockSupport.parkNanos(PAUSE.toNanos()); // it may fail again at once
        }
      }
    }
  }

  private static Thread hangUpAfterPatience(SocketChannel channel) {
    return Thread.ofVirtual()
        .start(() -> {
          try {
            Thread.sleep(PATIENCE);
            channel.close();
          } catch (InterruptedException finished) {
            Thread.currentThread().interrupt();
          } catch (IOException e) {
            LOG.debug("The reader of the status was gone already: {}", e.toString());
          }
        });
  }

  @Override
  public void close() {
    try {
      listener.close();
      Files.deleteIfExists(socket);
    } catch (IOException e) {
      LOG.warn("The socket {} could not be closed: {}", socket, e.toString());
    }
  }
}
