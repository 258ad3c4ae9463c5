// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.attach.PodWire;
import dev.fairway.podnet.attach.StepObserver;
import dev.fairway.podnet.attach.Undo;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.cni.CniException;
import dev.fairway.podnet.cni.CniException.Code;
import dev.fairway.podnet.cni.CniRequest;
import dev.fairway.podnet.cni.CniResult;
import dev.fairway.podnet.cni.PodAttacher;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.ipam.AddressSource;
import dev.fairway.podnet.ipam.Allocation;
import dev.fairway.podnet.ipam.NoAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Carries out what container runtimes ask: an address, then a wire; and the way back.
///
/// The address is on disk before the wire exists, and the wire is gone from the routes before the
/// address is free, so a kill at any point leaves at most an address nobody uses. [#collect] finds
/// those.
final class Attachments implements PodAttacher {
  private static final Logger LOG = LoggerFactory.getLogger(Attachments.class);
  private static final int LOCKS = 64;

  /// What pods are made with; unknown until the node has its range.
  record Settings(int mtu) {}

  private final AddressSource source;
  private final AddressBook book;
  private final PodWire wires;
  private final StepObserver steps;
  private final ReentrantLock[] locks = new ReentrantLock[LOCKS];
  private volatile Optional<Settings> settings = Optional.empty();

  /// @param source who chooses addresses; they stand in the book
  Attachments(AddressSource source, AddressBook book, PodWire wires, StepObserver steps) {
    this.source = source;
    this.book = book;
    this.wires = wires;
    this.steps = steps;
    for (int i = 0; i < LOCKS; i++) {
      locks[i] = new ReentrantLock();
    }
  }

  void settings(Settings known) {
    settings = Optional.of(known);
  }

  @Override
  public CniResult add(CniRequest request) throws CniException {
    Settings now =
        settings.orElseThrow(() ->
            new CniException(
                Code.TRY_AGAIN_LATER,
                "the pod network is not ready: this node has no spec.podCIDR yet",
                ""));
    String id = request.attachment().containerId();
    String name = request.attachment().interfaceName();
    Path path = request.netns().orElseThrow();
    ReentrantLock lock = lock(id);
    lock.lock();
    try (NetworkNamespace sandbox = open(path);
        Undo undo = new Undo()) {
      Optional<Allocation> before = book.find(id, name);
      if (before.isPresent()) {
        Wire wire = wire(request, before.get(), now);
        if (wires.difference(wire, sandbox).isEmpty()) {
          return result(wire, path); // asked again after its answer was lost
        }
      }
      steps.before("take an address");
      AddressBook.Lease lease = source.allocate(owner(request));
      Allocation allocation = lease.allocation();
      undo.add("allocate " + allocation.addresses(), () -> book.release(id, name));
      Wire wire = wire(request, allocation, now);
      wires.connect(wire, sandbox, undo, steps);
      steps.before("answer");
      lease.awaitDurable(); // the disk was busy with it while the kernel made the wire
      undo.commit();
      return result(wire, path);
    } catch (NoAddress e) {
      Code code =
          e.reason() == NoAddress.Reason.UNREACHABLE ? Code.TRY_AGAIN_LATER : Code.NO_ADDRESS;
      throw new CniException(code, String.valueOf(e.getMessage()), "");
    } catch (IOException e) {
      throw new CniException(Code.IO_FAILURE, String.valueOf(e.getMessage()), "");
    } catch (PodWire.NotASandbox e) {
      throw new CniException(Code.INVALID_ENVIRONMENT, "CNI_NETNS is no sandbox", e);
    } catch (KernelException e) {
      throw new CniException(
          Code.KERNEL, "the kernel refused to connect " + request.attachment(), e);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void delete(CniRequest request) throws CniException {
    String id = request.attachment().containerId();
    String name = request.attachment().interfaceName();
    ReentrantLock lock = lock(id);
    lock.lock();
    try {
      List<IpAddress> addresses = book.find(id, name).map(Allocation::addresses).orElse(List.of());
      wires.disconnect(Wire.hostName(id, name), addresses);
      book.release(id, name);
      source.released();
    } catch (IOException e) {
      throw new CniException(Code.IO_FAILURE, String.valueOf(e.getMessage()), "");
    } catch (KernelException e) {
      throw new CniException(
          Code.KERNEL, "the kernel refused to disconnect " + request.attachment(), e);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void check(CniRequest request) throws CniException {
    String id = request.attachment().containerId();
    String name = request.attachment().interfaceName();
    Allocation allocation =
        book.find(id, name)
            .orElseThrow(() ->
                new CniException(
                    Code.UNKNOWN_CONTAINER, "nothing is known of " + request.attachment(), ""));
    int mtu = settings.map(Settings::mtu).orElse(0);
    Wire wire = wire(request, allocation, new Settings(mtu));
    Set<String> told = new HashSet<>(request.previous().orElse(List.of()));
    for (IpAddress address : allocation.addresses()) {
      if (!told.contains(address.toPrefix().toString())) {
        throw new CniException(
            Code.NOT_AS_ADDED, "prevResult does not hold the pod's address " + address, "");
      }
    }
    try (NetworkNamespace sandbox = open(request.netns().orElseThrow())) {
      Optional<String> difference = wires.difference(wire, sandbox);
      if (difference.isPresent()) {
        throw new CniException(Code.NOT_AS_ADDED, difference.get(), "");
      }
    } catch (KernelException e) {
      throw new CniException(Code.KERNEL, "the kernel does not show " + request.attachment(), e);
    }
  }

  /// Frees the addresses of sandboxes that are gone without a DEL, and keeps those that somebody
  /// uses without being in the book.
  void collect() throws IOException {
    Map<String, List<IpAddress>> there = new HashMap<>(wires.wires());
    for (Allocation allocation : book.allocations()) {
      Allocation.Owner owner = allocation.owner();
      String link = Wire.hostName(owner.containerId(), owner.interfaceName());
      if (there.remove(link) != null) {
        continue;
      }
      ReentrantLock lock = lock(owner.containerId());
      if (!lock.tryLock()) {
        continue; // being added or deleted right now
      }
      try {
        if (!wires.wires().containsKey(link)) {
          LOG.info("{} is gone; freeing {}", owner, allocation.addresses());
          book.release(owner.containerId(), owner.interfaceName());
          source.released();
        }
      } finally {
        lock.unlock();
      }
    }
    collectUnknown(there);
  }

  private void collectUnknown(Map<String, List<IpAddress>> unknown) {
    for (Map.Entry<String, List<IpAddress>> wire : unknown.entrySet()) {
      for (Allocation allocation : book.allocations()) {
        Allocation.Owner owner = allocation.owner();
        if (Wire.hostName(owner.containerId(), owner.interfaceName()).equals(wire.getKey())) {
          return; // added while we looked
        }
      }
      for (IpAddress address : wire.getValue()) {
        LOG.warn("{} is used by {}, which no ADD is known of; kept", address, wire.getKey());
        book.reserve(address);
      }
    }
  }

  private static NetworkNamespace open(Path path) throws CniException {
    try {
      return NetworkNamespace.open(path);
    } catch (KernelException e) {
      throw new CniException(
          Code.INVALID_ENVIRONMENT, "CNI_NETNS names no network namespace: " + path, e);
    }
  }

  private static Allocation.Owner owner(CniRequest request) {
    Optional<CniRequest.Pod> pod = request.pod();
    return new Allocation.Owner(
        request.attachment().containerId(),
        request.attachment().interfaceName(),
        pod.map(CniRequest.Pod::uid).orElse(""),
        pod.map(CniRequest.Pod::toString).orElse(""));
  }

  private static Wire wire(CniRequest request, Allocation allocation, Settings now) {
    return Wire.of(
        request.attachment().containerId(),
        request.attachment().interfaceName(),
        allocation.addresses(),
        now.mtu(),
        request.pod().map(CniRequest.Pod::toString).orElse(""));
  }

  private static CniResult result(Wire wire, Path netns) {
    List<CniResult.Address> addresses = new ArrayList<>();
    List<Prefix> routes = new ArrayList<>();
    for (IpAddress address : wire.addresses()) {
      addresses.add(new CniResult.Address(address.toPrefix(), Wire.gateway(address.family())));
      routes.add(new Prefix(address, 0));
    }
    return new CniResult(
        wire.hostName(),
        Wire.HOST_MAC,
        wire.podName(),
        wire.mac(),
        netns,
        addresses,
        routes,
        wire.mtu());
  }

  private ReentrantLock lock(String containerId) {
    return locks[Math.floorMod(containerId.hashCode(), LOCKS)];
  }
}
