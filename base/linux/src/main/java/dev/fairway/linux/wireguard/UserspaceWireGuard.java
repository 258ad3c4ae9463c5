// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.Link;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.ReceiveBuffers;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The device of a `wireguard-go` process, which is started for it and ends with it.
///
/// All of them would meet in `/var/run/wireguard`, whichever network namespace they are in, so each
/// has a small root directory of its own, in a mount namespace of its own: `/usr`, `/dev/net/tun`
/// and a `/run` that is part of this driver's directory. No other mount of the machine is in there,
/// so none is kept alive by it. The process outlives whoever started it: the next one finds it by
/// its socket.
///
/// It ends by itself when its socket's file or its device is removed.
public final class UserspaceWireGuard implements WireGuardDriver {
  private static final Logger LOG = LoggerFactory.getLogger(UserspaceWireGuard.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration PAUSE = Duration.ofMillis(5);
  private static final int LARGEST_ANSWER = 64 << 20;
  private static final int LARGEST_LOG = 1 << 20;

  /// For what arrives while the process has no time. Debian 12's asks for none; with what it got
  /// unasked one packet in eight was lost under load. Later ones ask for as much themselves.
  private static final int RECEIVE_BYTES = 7 << 20;

  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");

  /// Where Debian and others have it, and where people put what they built themselves.
  private static final List<Path> PROGRAMS =
      List.of(
          Path.of("/usr/local/bin/wireguard-go"),
          Path.of("/usr/local/sbin/wireguard-go"),
          Path.of("/usr/bin/wireguard-go"),
          Path.of("/usr/sbin/wireguard-go"));

  private static final Path TUN = Path.of("/dev/net/tun");

  /// The arguments are the directory, the program and the name of the device.
  private static final String SCRIPT =
      """
      set -e
      mount --bind "$1" "$1"
      cd "$1"
      mkdir -p usr dev/net proc run var old
      ln -sfn ../run var/run
      for d in bin sbin lib lib32 lib64; do
        if [ -L "/$d" ]; then ln -sfn "usr/$d" "$d"
        elif [ -d "/$d" ]; then mkdir -p "$d"; mount --bind "/$d" "$d"
        fi
      done
      mount --bind /usr usr
      : >dev/net/tun
      mount --bind /dev/net/tun dev/net/tun
      mount -t proc proc proc
      pivot_root . old
      cd /
      umount -l /old
      exec "$2" -f "$3"
      """;

  /// What the script makes besides `run`, the inner ones first.
  private static final List<String> MADE =
      List.of(
          "var/run",
          "var",
          "dev/net/tun",
          "dev/net",
          "dev",
          "usr",
          "proc",
          "old",
          "bin",
          "sbin",
          "lib",
          "lib32",
          "lib64");

  private final NetworkNamespace machine;
  private final RouteNetlink netlink;
  private final String device;
  private final Path root;
  private final Path log;
  private final Path socket;
  private final Path number;
  private final ReceiveBuffers buffers = new ReceiveBuffers(RECEIVE_BYTES);
  private final Runnable ended;
  private @Nullable Process process;
  private @Nullable SocketChannel watched;
  private volatile boolean closed;

  /// @param machine the namespace of the device; stays the caller's, open for as long as this
  /// @param device name of the link
  /// @param directory of this driver alone, on a file system that keeps nothing past a reboot. With
  ///   the socket's name behind it, it must fit 107 bytes
  /// @param ended called when the process ended without being asked to; must return at once
  public UserspaceWireGuard(
      NetworkNamespace machine, String device, Path directory, Runnable ended) {
    this.machine = machine;
    this.netlink = RouteNetlink.open(machine);
    this.device = device;
    this.root = directory.resolve("root");
    this.log = directory.resolve("log");
    this.number = directory.resolve("pid");
    this.socket = root.resolve("run/wireguard").resolve(device + ".sock");
    this.ended = ended;
  }

  @Override
  public String name() {
    return "wireguard-go";
  }

  /// What this machine lacks for it; empty if nothing.
  public static Optional<String> missing() {
    if (program().isEmpty()) {
      return Optional.of("there is no wireguard-go (`apt install wireguard-go`)");
    }
    if (!Files.exists(TUN)) {
      return Optional.of("there is no " + TUN + ", which wireguard-go needs (CONFIG_TUN)");
    }
    return Optional.empty();
  }

  private static Optional<Path> program() {
    return PROGRAMS.stream().filter(Files::isExecutable).findFirst();
  }

  @Override
  public void create(int mtu) throws IOException {
    Optional<String> missing = missing();
    if (missing.isPresent()) {
      throw new IOException(missing.get());
    }
    remove();
    Files.createDirectories(root);
    Files.setPosixFilePermissions(root.getParent(), OWNER_ONLY);
    ProcessBuilder builder =
        new ProcessBuilder(
                "unshare",
                "--mount",
                "--",
                "sh",
                "-c",
                SCRIPT,
                "sh",
                root.toAbsolutePath().toString(),
                program().orElseThrow().toString(),
                device)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectErrorStream(true)
            // Not by way of this process, as it may end before that one.
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().clear();
    builder
        .environment()
        .putAll(Map.of("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "LOG_LEVEL", "error"));
    Process started = machine.start(builder);
    process = started;
    try {
      Files.writeString(number, Long.toString(started.pid()));
      awaitDevice(started);
      netlink.apply(RouteRequest.ChangeLink.of(device).withMtu(mtu));
    } catch (IOException | RuntimeException e) {
      started.destroyForcibly();
      remove();
      throw e;
    }
    LOG.info("WireGuard by wireguard-go, process {}, device {}", started.pid(), device);
  }

  private void awaitDevice(Process started) throws IOException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!answers()) {
      if (!started.isAlive() || System.nanoTime() > deadline) {
        String said = Files.exists(log) ? Files.readString(log).strip() : "";
        throw new IOException(
            "wireguard-go "
                + (started.isAlive() ? "does not answer" : "ended at once")
                + ": "
                + said.substring(Math.max(0, said.length() - 300)).replace('\n', ' '));
      }
      LockSupport.parkNanos(PAUSE.toNanos());
    }
  }

  private boolean answers() {
    try {
      return read().isPresent();
    } catch (IOException e) {
      LOG.debug("wireguard-go does not answer yet: {}", e.toString());
      return false;
    }
  }

  /// The device of the process.
  ///
  /// @return empty only if there is no process: its socket is gone, or nobody listens there
  /// @throws IOException if the process is there and is not understood, or not in time; that is no
  ///   reason to take its device away
  @Override
  public Optional<WireGuardDevice> read() throws IOException {
    if (!Files.exists(socket) || netlink.link(device).isEmpty()) {
      return Optional.empty();
    }
    shorten();
    UserspaceText.Answer answer;
    try {
      answer = ask(UserspaceText.GET);
      watch();
    } catch (ConnectException e) {
      LOG.debug("Nobody listens at {}: {}", socket, e.toString());
      return Optional.empty(); // it was killed: its socket stays
    }
    if (answer.errno() != 0) {
      throw new KernelException("get", answer.errno(), "device " + device);
    }
    makeRoom();
    return Optional.of(answer.device());
  }

  /// Sockets are opened anew with the port and when the device goes up, so it is done at each look.
  private void makeRoom() {
    try {
      long pid = Long.parseLong(Files.readString(number).strip());
      Path name = Path.of("/proc/" + pid + "/comm");
      if (Files.readString(name).strip().equals("wireguard-go")) {
        buffers.enlarge(pid);
      }
    } catch (IOException | KernelException | NumberFormatException e) {
      // It works without, but loses packets under load.
      LOG.debug("wireguard-go keeps its small receive buffer: {}", e.toString());
    }
  }

  @Override
  public void change(WireGuardChange change) throws IOException {
    UserspaceText.Answer answer = ask(UserspaceText.set(change));
    if (answer.errno() != 0) {
      // Nothing of what was sent, as it may hold the private key.
      boolean taken = answer.errno() == Errno.EADDRINUSE;
      throw new KernelException(
          "set",
          answer.errno(),
          "device " + device + (taken ? ", port " + change.port().orElse(0) : ""));
    }
  }

  /// On a thread of its own, as an interrupt, by which those who call are stopped, would close the
  /// connection: that would look as if the process had done it.
  private UserspaceText.Answer ask(String text) throws IOException {
    CompletableFuture<UserspaceText.Answer> answer = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("wireguard-go-ask")
        .start(() -> {
          try {
            answer.complete(exchange(text));
          } catch (IOException | RuntimeException e) {
            answer.completeExceptionally(e);
          }
        });
    try {
      return answer.join(); // not interruptible, and bounded by the patience of the exchange
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case ConnectException refused -> throw refused;
        case IOException trouble ->
            throw new IOException("wireguard-go does not answer: " + trouble.getMessage(), trouble);
        case RuntimeException broken -> throw broken;
        case null, default -> throw e;
      }
    }
  }

  private UserspaceText.Answer exchange(String text) throws IOException {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(socket));
      Thread hangUp = hangUpAfterPatience(channel);
      try {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        return UserspaceText.read(answer(channel));
      } finally {
        hangUp.interrupt();
      }
    } catch (IllegalArgumentException e) {
      throw new IOException("wireguard-go's answer is not understood: " + e.getMessage(), e);
    }
  }

  /// An answer ends by an empty line; the connection stays open.
  private static String answer(SocketChannel channel) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer part = ByteBuffer.allocate(16 << 10);
    byte before = 0;
    while (true) {
      part.clear();
      int size = channel.read(part);
      if (size < 0) {
        throw new IOException("it hung up");
      }
      all.write(part.array(), 0, size);
      byte last = size == 0 ? 0 : part.get(size - 1);
      boolean empty = last == '\n' && (size == 1 ? before : part.get(size - 2)) == '\n';
      if (empty) {
        return all.toString(StandardCharsets.US_ASCII);
      }
      if (all.size() > LARGEST_ANSWER) {
        throw new IOException("it says more than " + LARGEST_ANSWER + " bytes");
      }
      before = last;
    }
  }

  private static Thread hangUpAfterPatience(SocketChannel channel) {
    return Thread.ofVirtual()
        .start(() -> {
          try {
            Thread.sleep(PATIENCE);
            channel.close();
          } catch (InterruptedException answered) {
            Thread.currentThread().interrupt();
          } catch (IOException e) {
            LOG.debug("The connection was closed already: {}", e.toString());
          }
        });
  }

  /// A connection that says nothing: it ends when the process does, whoever started that.
  private void watch() throws IOException {
    SocketChannel current = watched;
    if (current != null && current.isOpen()) {
      return;
    }
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    watched = channel;
    Thread.ofVirtual()
        .name("wireguard-go-watch")
        .start(() -> {
          boolean asked;
          try (channel) {
            channel.connect(UnixDomainSocketAddress.of(socket)); // here no interrupt comes
            int ignored = channel.read(ByteBuffer.allocate(1));
            asked = closed;
          } catch (ConnectException e) {
            asked = closed; // it ended since it answered
          } catch (IOException e) {
            asked = true; // this side closed it
          }
          if (!asked) {
            ended.run();
          }
        });
  }

  private void unwatch() throws IOException {
    SocketChannel current = watched;
    watched = null;
    if (current != null) {
      current.close();
    }
  }

  /// Only the process itself writes there, and it appends.
  private void shorten() throws IOException {
    if (Files.exists(log) && Files.size(log) > LARGEST_LOG) {
      Files.writeString(log, "");
    }
  }

  @Override
  public void remove() throws IOException {
    if (closed) {
      throw new IllegalStateException("the device was left to the next agent");
    }
    unwatch();
    Files.deleteIfExists(socket);
    if (netlink.link(device).map(Link::kind).filter("tun"::equals).isPresent()) {
      netlink.apply(RouteRequest.DeleteLink.of(device));
    }
    Process current = process;
    process = null;
    if (current != null) {
      try {
        if (!current.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
          current.destroyForcibly();
        }
      } catch (InterruptedException e) {
        current.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
    forget();
  }

  /// Name by name, as behind some of them the machine's own files would be if the mount namespace
  /// were not the process's own.
  private void forget() throws IOException {
    Path run = root.resolve("run");
    if (Files.exists(run)) {
      List<Path> inside;
      try (Stream<Path> walk = Files.walk(run)) {
        inside = walk.toList();
      }
      for (Path each : inside.reversed()) {
        Files.deleteIfExists(each);
      }
    }
    for (String name : MADE) {
      Files.deleteIfExists(root.resolve(name));
    }
    Files.deleteIfExists(root);
    Files.deleteIfExists(log);
    Files.deleteIfExists(number);
    Files.deleteIfExists(root.getParent());
  }

  @Override
  public void close() {
    closed = true;
    try {
      unwatch();
    } catch (IOException e) {
      LOG.debug("The connection to wireguard-go was closed already: {}", e.toString());
    }
    netlink.close();
  }
}
