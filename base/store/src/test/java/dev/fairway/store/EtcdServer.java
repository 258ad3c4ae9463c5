// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/// A real etcd of one member, on loopback.
final class EtcdServer implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Path directory;
  private final int clientPort;
  private final int peerPort;
  private Process process;

  private EtcdServer(Path directory, int clientPort, int peerPort) throws IOException {
    this.directory = directory;
    this.clientPort = clientPort;
    this.peerPort = peerPort;
    this.process = run();
  }

  static EtcdServer start(Path directory) throws IOException {
    IOException last = new IOException("no port is free");
    for (int attempt = 0; attempt < 3; attempt++) {
      EtcdServer server = new EtcdServer(directory, freePort(), freePort());
      try {
        server.awaitReady();
        return server;
      } catch (IOException e) {
        server.close();
        last = e;
      }
    }
    throw last;
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private Process run() throws IOException {
    String client = "http://127.0.0.1:" + clientPort;
    String peer = "http://127.0.0.1:" + peerPort;
    return new ProcessBuilder(
            "etcd",
            "--data-dir=" + directory.resolve("etcd"),
            "--listen-client-urls=" + client,
            "--advertise-client-urls=" + client,
            "--listen-peer-urls=" + peer,
            "--initial-advertise-peer-urls=" + peer,
            "--initial-cluster=default=" + peer,
            "--log-level=error")
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("etcd.log").toFile())
        .start();
  }

  private void awaitReady() throws IOException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try (Socket _ = new Socket(InetAddress.getLoopbackAddress(), clientPort)) {
        return;
      } catch (IOException e) {
        if (!process.isAlive() || System.nanoTime() > deadline) {
          throw new IOException("etcd did not start, see " + directory.resolve("etcd.log"), e);
        }
        LockSupport.parkNanos(20_000_000);
      }
    }
  }

  EtcdConfig config() {
    return new EtcdConfig(
        List.of(URI.create("http://127.0.0.1:" + clientPort)),
        null,
        "/",
        20_000,
        64L << 20,
        Transformer.NONE);
  }

  /// Ends it as a crash would.
  void kill() {
    process.destroyForcibly();
    try {
      process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  void startAgain() throws IOException {
    process = run();
    awaitReady();
  }

  @Override
  public void close() {
    kill();
  }
}
