// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.KernelException;
import dev.fairway.net.IpAddress;
import dev.fairway.net.PodGate;
import dev.fairway.podnet.attach.PodWire;
import dev.fairway.podnet.attach.StepObserver;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.calls.RememberedCall;
import dev.fairway.podnet.calls.RememberedCalls;
import dev.fairway.podnet.cni.CniCommand;
import dev.fairway.podnet.cni.CniException;
import dev.fairway.podnet.cni.CniException.Code;
import dev.fairway.podnet.cni.CniRequest;
import dev.fairway.podnet.cni.CniRequest.Attachment;
import dev.fairway.podnet.cni.NetworkRequest;
import dev.fairway.podnet.delegate.Delegate;
import dev.fairway.podnet.hostport.HostPorts;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.ipam.AddressSource;
import dev.fairway.podnet.ipam.Allocation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The way back of [Attachments]: DEL, GC, and what sandboxes left that went without a word.
final class Detachments {
  private static final Logger LOG = LoggerFactory.getLogger(Detachments.class);

  private final AddressSource source;
  private final AddressBook book;
  private final PodWire wires;
  private final RememberedCalls calls;
  private final HostPorts ports;
  private final Delegate delegates;
  private final PodGate gate;
  private final StepObserver steps;
  private final AttachmentLocks locks;

  /// @param locks that those who attach hold, too
  Detachments(
      AddressSource source,
      AddressBook book,
      PodWire wires,
      RememberedCalls calls,
      HostPorts ports,
      Delegate delegates,
      PodGate gate,
      StepObserver steps,
      AttachmentLocks locks) {
    this.source = source;
    this.book = book;
    this.wires = wires;
    this.calls = calls;
    this.ports = ports;
    this.delegates = delegates;
    this.gate = gate;
    this.steps = steps;
    this.locks = locks;
  }

  /// The pod of an owner, if the runtime said which.
  static Optional<CniRequest.Pod> pod(Allocation.Owner owner) {
    int slash = owner.pod().indexOf('/');
    return slash < 0
        ? Optional.empty()
        : Optional.of(
            new CniRequest.Pod(
                owner.pod().substring(0, slash), owner.pod().substring(slash + 1), owner.podUid()));
  }

  void delete(CniRequest request) throws CniException {
    ReentrantLock lock = locks.of(request.attachment());
    lock.lock();
    try {
      end(request.attachment(), Optional.of(request));
    } finally {
      lock.unlock();
    }
  }

  /// Takes an attachment back, as far as it is there.
  ///
  /// @param told the DEL, if there was one; else the ADD is asked what there was
  private void end(Attachment attachment, Optional<CniRequest> told) throws CniException {
    Optional<RememberedCall> call = calls.find(attachment);
    Optional<CniRequest> with = told.or(() -> call.map(RememberedCall::request));
    String id = attachment.containerId();
    String name = attachment.interfaceName();
    try {
      steps.before("take it down");
      if (call.isEmpty() || !call.get().foreign()) {
        List<IpAddress> addresses =
            book.find(id, name)
                .map(Allocation::addresses)
                .or(() -> call.flatMap(RememberedCall::given).map(AttachmentShape::addresses))
                .orElse(List.of());
        wires.disconnect(Wire.hostName(id, name), addresses);
        book.find(id, name)
            .flatMap(allocation -> pod(allocation.owner()))
            .or(() -> with.flatMap(CniRequest::pod))
            .ifPresent(pod -> gate.leave(pod.namespace(), pod.name(), addresses));
      }
      steps.before("close its ports");
      ports.clear(attachment);
      if (with.isPresent() && with.get().delegate().isPresent()) {
        steps.before("end its delegate");
        delegates.run(with.get().delegate().get(), CniCommand.DEL, with.get().call());
      }
      steps.before("free its address");
      if (book.release(id, name)) {
        source.released();
      }
      steps.before("forget the call");
      calls.forget(attachment);
    } catch (IOException e) {
      throw new CniException(Code.IO_FAILURE, String.valueOf(e.getMessage()), "");
    } catch (KernelException e) {
      throw new CniException(Code.KERNEL, "the kernel refused to disconnect " + attachment, e);
    }
  }

  /// GC: ends all of the network that are not valid any more.
  void collect(NetworkRequest request) throws CniException {
    Optional<CniException> first = Optional.empty();
    for (Attachment attachment : known()) {
      String network =
          calls.find(attachment).map(call -> call.request().network()).orElse(CniFiles.NETWORK);
      if (!network.equals(request.network()) || request.valid().contains(attachment)) {
        continue;
      }
      ReentrantLock lock = locks.of(attachment);
      lock.lock();
      try {
        end(attachment, Optional.empty());
        LOG.info("{} is not valid any more; collected", attachment);
      } catch (CniException e) {
        LOG.warn("{} cannot be collected: {} {}", attachment, e.getMessage(), e.details());
        first = first.or(() -> Optional.of(e));
      } finally {
        lock.unlock();
      }
    }
    if (request.delegate().isPresent()) {
      delegates.run(request.delegate().get(), CniCommand.GC, request.call());
    }
    if (first.isPresent()) {
      throw first.get();
    }
  }

  private Set<Attachment> known() {
    Set<Attachment> known = new LinkedHashSet<>();
    for (Allocation allocation : book.allocations()) {
      Allocation.Owner owner = allocation.owner();
      known.add(new Attachment(owner.containerId(), owner.interfaceName()));
    }
    calls.all().forEach(call -> known.add(call.request().attachment()));
    return known;
  }

  /// Takes back what sandboxes left that are gone without a DEL, and keeps the addresses that
  /// somebody uses without being in the book.
  void collect() throws IOException {
    Map<String, List<IpAddress>> there = new HashMap<>(wires.wires());
    for (Attachment attachment : known()) {
      if (there.remove(hostName(attachment)) != null) {
        continue;
      }
      ReentrantLock lock = locks.of(attachment);
      if (!lock.tryLock()) {
        continue; // being added or deleted right now
      }
      try {
        if (isGone(attachment)) {
          LOG.info("{} is gone; taking back what it had", attachment);
          end(attachment, Optional.empty());
        }
      } catch (CniException e) {
        LOG.warn("{} cannot be collected: {} {}", attachment, e.getMessage(), e.details());
      } finally {
        lock.unlock();
      }
    }
    collectUnknown(there);
    ports.repair();
  }

  private boolean isGone(Attachment attachment) {
    Optional<RememberedCall> call = calls.find(attachment);
    if (call.isPresent() && call.get().foreign()) {
      Path netns = call.get().request().netns().orElseThrow();
      try {
        Attachments.open(netns).close();
        return false;
      } catch (CniException e) {
        return true;
      }
    }
    return !wires.wires().containsKey(hostName(attachment));
  }

  private void collectUnknown(Map<String, List<IpAddress>> unknown) {
    Set<IpAddress> used = new LinkedHashSet<>();
    Map<String, List<IpAddress>> still = unknown.isEmpty() ? Map.of() : wires.wires();
    for (Map.Entry<String, List<IpAddress>> wire : unknown.entrySet()) {
      if (still.containsKey(wire.getKey())
          && known().stream().noneMatch(one -> hostName(one).equals(wire.getKey()))) {
        used.addAll(wire.getValue()); // neither added nor deleted while we looked
      }
    }
    for (IpAddress address : book.occupied(used)) {
      LOG.warn("{} is used by a sandbox that no ADD is known of; kept from others", address);
    }
  }

  private static String hostName(Attachment attachment) {
    return Wire.hostName(attachment.containerId(), attachment.interfaceName());
  }
}
