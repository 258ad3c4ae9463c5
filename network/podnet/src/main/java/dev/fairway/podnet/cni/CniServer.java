// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.podnet.cni.CniException.Code;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Answers the CNI executable on a unix socket that only root may open.
///
/// Each connection is one call, and one of a few platform threads takes it from the kernel's queue,
/// reads it, carries it out and answers: no call changes threads on its way, which would cost more
/// than the work. The kernel's side of all calls queues at one lock of its own (RTNL); still, on a
/// machine where a hundred callers have just been started, few threads would get little of the
/// processor. Callers beyond them wait in the socket's backlog.
public final class CniServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CniServer.class);
  private static final int WORKERS = 16;
  private static final int BACKLOG = 1024;

  /// A caller that does not finish its call holds a thread; it is hung up on.
  private static final Duration READ_LIMIT = Duration.ofSeconds(10);

  private static final Duration PAUSE = Duration.ofMillis(10);

  private final Path socket;
  private final ServerSocketChannel listener;
  private final PodAttacher attacher;
  private final MissedCalls missed;
  private final CniRequestParser parser = new CniRequestParser();
  private final List<Thread> workers = new ArrayList<>();
  private final Map<SocketChannel, Long> reading = new ConcurrentHashMap<>();

  private CniServer(Path socket, ServerSocketChannel listener, PodAttacher attacher) {
    this.socket = socket;
    this.listener = listener;
    this.attacher = attacher;
    this.missed = new MissedCalls(socket);
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
      listener.bind(UnixDomainSocketAddress.of(socket), BACKLOG);
      Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
    } catch (IOException e) {
      listener.close();
      throw new IOException("the CNI socket " + socket + " cannot be made: " + e.getMessage(), e);
    }
    CniServer server = new CniServer(socket, listener, attacher);
    server.catchUp();
    for (int i = 0; i < WORKERS; i++) {
      server.workers.add(Thread.ofPlatform().name("cni-" + i).daemon(true).start(server::serve));
    }
    Thread.ofVirtual().name("cni-hang-up").start(server::hangUpOnTheSilent);
    return server;
  }

  private void serve() {
    while (listener.isOpen()) {
      try (SocketChannel channel = listener.accept()) {
        reading.put(channel, System.nanoTime());
        CniCall call;
        try {
          call = CniCall.read(channel);
        } finally {
          reading.remove(channel);
        }
        Answer answer = answer(call);
        CniCall.answer(channel, answer.exitCode, answer.stdout);
      } catch (IOException e) {
        if (listener.isOpen()) {
          LOG.info("A CNI call was not answered: {}", e.toString());
          LockSupport.parkNanos(PAUSE.toNanos()); // it may be that no descriptor is left
        }
      }
    }
  }

  /// Carries out the DELs that came while no agent ran. One that fails stays for the next time.
  public void catchUp() {
    try {
      for (Path file : missed.files()) {
        catchUp(file);
      }
    } catch (IOException e) {
      LOG.warn("Missed DELs cannot be read: {}", e.toString());
    }
  }

  private void catchUp(Path file) throws IOException {
    CniCall call;
    CniRequest request;
    try {
      call = missed.read(file);
      request = parser.parse(call);
    } catch (IOException | CniException e) {
      LOG.warn("The missed call in {} makes no sense and is dropped: {}", file, e.toString());
      missed.forget(file);
      return;
    }
    try {
      attacher.delete(request);
      missed.forget(file);
      LOG.info("{} was deleted while no agent ran; done now", request.attachment());
    } catch (CniException e) {
      LOG.warn("{}: missed DEL: {} {}", request.attachment(), e.getMessage(), e.details());
    }
  }

  private void hangUpOnTheSilent() {
    try {
      while (listener.isOpen()) {
        Thread.sleep(READ_LIMIT.dividedBy(4));
        for (Map.Entry<SocketChannel, Long> entry : reading.entrySet()) {
          if (System.nanoTime() - entry.getValue() > READ_LIMIT.toNanos()) {
            hangUp(entry.getKey());
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private record Answer(int exitCode, String stdout) {}

  private Answer answer(CniCall call) throws IOException {
    CniVersion version = CniVersion.NEWEST;
    try {
      String stdout = "";
      switch (CniRequestParser.command(call.environment())) {
        case ADD, DEL, CHECK -> {
          CniRequest request = parser.parse(call);
          version = request.version();
          stdout = answer(request);
        }
        case STATUS, GC -> {
          NetworkRequest request = parser.parseNetwork(call);
          version = request.version();
          answer(request);
        }
      }
      return new Answer(0, stdout);
    } catch (CniException e) {
      LOG.warn("CNI call failed: {} {}", e.getMessage(), e.details());
      return new Answer(1, ResultWriter.render(e, told(version, call)));
    } catch (RuntimeException e) {
      LOG.error("CNI call failed", e);
      CniException told = new CniException(Code.KERNEL, "the node agent failed", e);
      return new Answer(1, ResultWriter.render(told, version));
    }
  }

  /// The version to tell an error in, also where the request could not be read to its end.
  private CniVersion told(CniVersion version, CniCall call) {
    return version == CniVersion.NEWEST ? parser.versionOf(call.stdin()) : version;
  }

  private String answer(CniRequest request) throws CniException, IOException {
    switch (request.command()) {
      case ADD -> {
        Optional<Path> before = missed.file(request.attachment());
        if (before.isPresent()) {
          catchUp(before.get());
        }
        return ResultWriter.render(attacher.add(request), request.version());
      }
      case DEL -> attacher.delete(request);
      case CHECK -> attacher.check(request);
      case STATUS, GC -> throw new IllegalArgumentException(request.command() + " is of a network");
    }
    return "";
  }

  private void answer(NetworkRequest request) throws CniException {
    if (request.command() == CniCommand.STATUS) {
      attacher.status(request);
    } else {
      attacher.collect(request);
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
    reading.keySet().forEach(CniServer::hangUp);
    try {
      for (Thread worker : workers) {
        if (!worker.join(Duration.ofSeconds(5))) {
          LOG.warn("A CNI call is still under way");
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void hangUp(SocketChannel caller) {
    try {
      caller.close();
    } catch (IOException e) {
      LOG.debug("A CNI caller was gone already: {}", e.toString());
    }
  }
}
