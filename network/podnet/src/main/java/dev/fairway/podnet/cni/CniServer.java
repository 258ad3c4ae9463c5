// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.podnet.cni.CniException.Code;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Answers the CNI executable on a unix socket that only root may open.
///
/// Each connection is one call: a few platform threads read it, carry it out and answer. The kernel
/// work of all of them queues at one lock of the kernel's (RTNL), so more threads would not be
/// faster, and platform threads may enter namespaces.
public final class CniServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CniServer.class);
  private static final int WORKERS = 4;
  private static final int CALLS_LIMIT = 1024;

  private final Path socket;
  private final ServerSocketChannel listener;
  private final PodAttacher attacher;
  private final CniRequestParser parser = new CniRequestParser();
  private final ExecutorService workers =
      Executors.newFixedThreadPool(WORKERS, Thread.ofPlatform().name("cni-", 0).factory());
  private final ExecutorService readers =
      Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("cni-call-", 0).factory());
  private final Semaphore calls = new Semaphore(CALLS_LIMIT);

  private CniServer(Path socket, ServerSocketChannel listener, PodAttacher attacher) {
    this.socket = socket;
    this.listener = listener;
    this.attacher = attacher;
  }

  /// Listens until closed.
  ///
  /// @throws IOException if the socket cannot be made; the message names it
  public static CniServer start(Path socket, PodAttacher attacher) throws IOException {
    if (socket.getParent() != null) {
      Files.createDirectories(socket.getParent());
    }
    Files.deleteIfExists(socket); // of an agent that was killed
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      listener.bind(UnixDomainSocketAddress.of(socket), 128);
      Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
    } catch (IOException e) {
      listener.close();
      throw new IOException("the CNI socket " + socket + " cannot be made: " + e.getMessage(), e);
    }
    CniServer server = new CniServer(socket, listener, attacher);
    Thread.ofVirtual().name("cni-accept").start(server::accept);
    return server;
  }

  private void accept() {
    while (listener.isOpen()) {
      try {
        calls.acquire();
        SocketChannel call = listener.accept();
        readers.execute(() -> serve(call));
      } catch (AsynchronousCloseException | InterruptedException e) {
        return;
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException e) {
        calls.release();
        LOG.warn("A CNI call could not be accepted: {}", e.toString());
      }
    }
  }

  private void serve(SocketChannel channel) {
    try (channel) {
      CniCall call = CniCall.read(channel);
      Answer answer = workers.submit(() -> answer(call)).get();
      CniCall.answer(channel, answer.exitCode, answer.stdout);
    } catch (IOException e) {
      LOG.info("A CNI call was not answered: {}", e.toString());
    } catch (Exception e) {
      LOG.warn("A CNI call was not answered", e);
    } finally {
      calls.release();
    }
  }

  private record Answer(int exitCode, String stdout) {}

  private Answer answer(CniCall call) {
    CniVersion version = CniVersion.NEWEST;
    try {
      CniRequest request;
      try {
        request = parser.parse(call.environment(), call.stdin());
      } catch (CniException e) {
        version = parser.versionOf(call.stdin());
        throw e;
      }
      version = request.version();
      String stdout =
          switch (request.command()) {
            case ADD -> attacher.add(request).render(version);
            case DEL -> {
              attacher.delete(request);
              yield "";
            }
            case CHECK -> {
              attacher.check(request);
              yield "";
            }
          };
      return new Answer(0, stdout);
    } catch (CniException e) {
      LOG.warn("CNI call failed: {} {}", e.getMessage(), e.details());
      return new Answer(1, CniResult.render(e, version));
    } catch (RuntimeException e) {
      LOG.error("CNI call failed", e);
      CniException told = new CniException(Code.KERNEL, "the node agent failed", e);
      return new Answer(1, CniResult.render(told, version));
    }
  }

  @Override
  public void close() {
    try {
      listener.close();
      Files.deleteIfExists(socket);
    } catch (IOException e) {
      LOG.warn("The CNI socket {} could not be closed: {}", socket, e.toString());
    }
    readers.shutdownNow();
    workers.shutdown();
    try {
      if (!workers.awaitTermination(5, TimeUnit.SECONDS)) {
        LOG.warn("A CNI call is still under way");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
