// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.wireguard;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.wireguard.KernelWireGuard;
import dev.fairway.linux.wireguard.UserspaceWireGuard;
import dev.fairway.linux.wireguard.WireGuardChange;
import dev.fairway.linux.wireguard.WireGuardDevice;
import dev.fairway.linux.wireguard.WireGuardDriver;
import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.linux.wireguard.WireGuardPeer;
import dev.fairway.linux.wireguard.WireGuardSecret;
import dev.fairway.net.TransportAddress;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.WireGuardAccess;
import dev.fairway.podnet.settings.WireGuardSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One machine's key and device, by whichever driver can make one. Not for several threads at a
/// time.
public final class WireGuardMachine implements WireGuardAccess, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WireGuardMachine.class);
  private static final Duration AGAIN = Duration.ofSeconds(5);
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Path keyFile;
  private final WireGuardDriver kernel;
  private final WireGuardDriver userspace;
  private @Nullable WireGuardDriver driver;
  private @Nullable WireGuardSecret secret;
  private Optional<String> obstacle = Optional.empty();
  private long triedAt;
  private List<WireGuardDriver> tried = List.of();
  private boolean swept;
  private Set<WireGuardKey> reached = Set.of();
  private Set<WireGuardKey> awaited = Set.of();

  /// Where peers were said to be. A peer that comes from elsewhere is answered there, which is no
  /// reason to tell the device again.
  private final Map<WireGuardKey, TransportAddress> told = new HashMap<>();

  /// Nothing is made yet.
  ///
  /// @param machine the namespace it works in; the handle stays the caller's and must stay open
  /// @param keyFile that outlives the process and the machine's reboot
  /// @param directory for what ends with the machine's reboot
  /// @param ended called when the device went away by itself; must return at once
  public WireGuardMachine(NetworkNamespace machine, Path keyFile, Path directory, Runnable ended) {
    this.keyFile = keyFile;
    kernel = new KernelWireGuard(machine, ForwardingState.WIREGUARD_NAME);
    userspace = new UserspaceWireGuard(machine, ForwardingState.WIREGUARD_NAME, directory, ended);
  }

  /// Sees to it that there is a key and a device, or says why not: see [#known].
  ///
  /// @return whether a device was made
  public boolean prepare(WireGuardSettings settings, int mtu) {
    swept = false;
    try {
      if (secret == null) {
        secret = secret();
      }
    } catch (IOException e) {
      obstacle =
          Optional.of("the private key cannot be kept in " + keyFile + ": " + e.getMessage());
      return false;
    }
    List<WireGuardDriver> able = drivers(settings);
    find();
    WireGuardDriver current = driver;
    if (current != null && able.contains(current)) {
      obstacle = Optional.empty();
      return false;
    }
    boolean justNow = able.equals(tried) && System.nanoTime() - triedAt < AGAIN.toNanos();
    if (obstacle.isPresent() && justNow) {
      return false;
    }
    triedAt = System.nanoTime();
    tried = able;
    try {
      if (current != null) {
        current.remove();
        driver = null;
      }
      make(able, mtu);
    } catch (IOException | KernelException e) {
      obstacle = Optional.of("its device cannot be replaced: " + e.getMessage());
    }
    return obstacle.isEmpty();
  }

  private List<WireGuardDriver> drivers(WireGuardSettings settings) {
    return switch (settings.driver()) {
      case AUTO -> List.of(kernel, userspace);
      case KERNEL -> List.of(kernel);
      case USERSPACE -> List.of(userspace);
    };
  }

  private void make(List<WireGuardDriver> able, int mtu) {
    List<String> reasons = new ArrayList<>();
    told.clear();
    reached = Set.of();
    for (WireGuardDriver each : able) {
      try {
        each.create(mtu);
        driver = each;
        obstacle = Optional.empty();
        return;
      } catch (IOException | KernelException e) {
        reasons.add(e.getMessage());
      }
    }
    obstacle = Optional.of(String.join(", and ", reasons));
  }

  /// @throws UncheckedIOException if there may be a device that does not say so; nothing is known
  ///   anew then
  private void find() {
    WireGuardDriver found = null;
    for (WireGuardDriver each : List.of(kernel, userspace)) {
      if (found == null && look(each).isPresent()) {
        found = each;
      }
    }
    driver = found;
  }

  private static Optional<WireGuardDevice> look(WireGuardDriver driver) {
    try {
      return driver.read();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// This machine's private key, a new one if it has none.
  private WireGuardSecret secret() throws IOException {
    if (Files.exists(keyFile)) {
      try {
        return WireGuardSecret.parse(Files.readString(keyFile));
      } catch (IllegalArgumentException e) {
        LOG.warn("{} holds no key ({}): this node has a new one", keyFile, e.getMessage());
      }
    }
    WireGuardSecret fresh = WireGuardSecret.generate();
    Path beside = keyFile.resolveSibling(keyFile.getFileName() + ".new");
    Files.createDirectories(keyFile.toAbsolutePath().getParent());
    Files.deleteIfExists(beside);
    Files.createFile(beside, OWNER_ONLY);
    Files.writeString(beside, fresh.text() + "\n", StandardOpenOption.SYNC);
    Files.move(beside, keyFile, StandardCopyOption.ATOMIC_MOVE);
    return fresh;
  }

  /// What the last look found.
  public WireGuardKnown known() {
    return new WireGuardKnown(
        Optional.ofNullable(secret).map(WireGuardSecret::publicKey), obstacle, reached);
  }

  /// Whether there are peers that have not answered yet.
  public boolean waits() {
    return !awaited.isEmpty();
  }

  /// What makes the device; empty if there is none.
  public Optional<String> driverName() {
    return Optional.ofNullable(driver).map(WireGuardDriver::name);
  }

  @Override
  public Optional<WireGuardDevice> read() {
    if (driver == null) {
      find();
    }
    Optional<WireGuardDevice> found = driver == null ? Optional.empty() : look(driver);
    Set<WireGuardKey> answered = new HashSet<>();
    Set<WireGuardKey> silent = new HashSet<>();
    List<WireGuardPeer> peers = new ArrayList<>();
    List<WireGuardPeer> there = found.map(WireGuardDevice::peers).orElse(List.of());
    told.keySet().retainAll(there.stream().map(WireGuardPeer::key).toList());
    for (WireGuardPeer peer : there) {
      (peer.handshakeSeconds() > 0 ? answered : silent).add(peer.key());
      TransportAddress where = told.get(peer.key());
      peers.add(where == null ? peer : at(peer, Optional.of(where)));
    }
    reached = answered;
    awaited = silent;
    return found.map(device -> new WireGuardDevice(device.key(), device.port(), peers));
  }

  private static WireGuardPeer at(WireGuardPeer peer, Optional<TransportAddress> where) {
    return new WireGuardPeer(
        peer.key(),
        where,
        peer.allowed(),
        peer.keepaliveSeconds(),
        peer.handshakeSeconds(),
        peer.received(),
        peer.sent());
  }

  @Override
  public void create(int mtu) {
    throw new IllegalStateException("the device went away again");
  }

  @Override
  public void identify(int port) {
    Optional<WireGuardDevice> now = driver == null ? Optional.empty() : look(driver);
    Optional<WireGuardSecret> own =
        Optional.ofNullable(secret)
            .filter(mine ->
                now.flatMap(WireGuardDevice::key).filter(mine.publicKey()::equals).isEmpty());
    // To say it again would make the device open its socket again, and lose what waits there.
    boolean listens = now.filter(device -> device.port() == port).isPresent();
    if (own.isPresent() || !listens) {
      change(
          new WireGuardChange(
              own, listens ? OptionalInt.empty() : OptionalInt.of(port), List.of()));
    }
  }

  @Override
  public void change(List<? extends WireGuardChange.PeerChange> peers) {
    change(WireGuardChange.ofPeers(peers.stream().map(this::withoutKnownEndpoint).toList()));
    for (WireGuardChange.PeerChange each : peers) {
      switch (each) {
        case WireGuardChange.Put(WireGuardPeer peer, boolean _) ->
            peer.endpoint().ifPresent(where -> told.put(peer.key(), where));
        case WireGuardChange.Remove(WireGuardKey key) -> told.remove(key);
      }
    }
  }

  /// A peer that moved is answered where it is now: only another announcement takes it elsewhere.
  private WireGuardChange.PeerChange withoutKnownEndpoint(WireGuardChange.PeerChange change) {
    if (change instanceof WireGuardChange.Put(WireGuardPeer peer, boolean ranges)
        && peer.endpoint().isPresent()
        && peer.endpoint().get().equals(told.get(peer.key()))) {
      return new WireGuardChange.Put(at(peer, Optional.empty()), ranges);
    }
    return change;
  }

  private void change(WireGuardChange change) {
    WireGuardDriver current = driver;
    if (current == null) {
      throw new IllegalStateException("there is no WireGuard device");
    }
    try {
      current.change(change);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void remove() {
    sweep();
  }

  /// Takes away what a device left, its own or one of an agent before this one; the key stays.
  public void sweep() {
    if (swept) {
      return;
    }
    try {
      kernel.remove();
      userspace.remove();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    driver = null;
    obstacle = Optional.empty();
    reached = Set.of();
    awaited = Set.of();
    told.clear();
    swept = true;
  }

  /// Leaves the device to the next agent.
  @Override
  public void close() {
    kernel.close();
    userspace.close();
  }
}
