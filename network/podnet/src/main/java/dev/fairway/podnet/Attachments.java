// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.IpAddress;
import dev.fairway.net.PodGate;
import dev.fairway.podnet.attach.PodWire;
import dev.fairway.podnet.attach.StepObserver;
import dev.fairway.podnet.attach.Undo;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.calls.RememberedCall;
import dev.fairway.podnet.calls.RememberedCalls;
import dev.fairway.podnet.cni.CniCommand;
import dev.fairway.podnet.cni.CniException;
import dev.fairway.podnet.cni.CniException.Code;
import dev.fairway.podnet.cni.CniRequest;
import dev.fairway.podnet.cni.CniRequest.Attachment;
import dev.fairway.podnet.cni.CniResult;
import dev.fairway.podnet.cni.NetworkRequest;
import dev.fairway.podnet.cni.PodAttacher;
import dev.fairway.podnet.delegate.Delegate;
import dev.fairway.podnet.hostport.HostPort;
import dev.fairway.podnet.hostport.HostPorts;
import dev.fairway.podnet.ipam.AddressBook;
import dev.fairway.podnet.ipam.AddressSource;
import dev.fairway.podnet.ipam.Allocation;
import dev.fairway.podnet.ipam.NoAddress;
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

/// Carries out what container runtimes ask: an address, then a wire, then ports of the node; and
/// the way back.
///
/// What an ADD does is in the address book or a remembered call before it is in the kernel, and a
/// DEL takes it out of the kernel first, so a kill at any point leaves nothing that [#collect] of
/// the next agent does not find.
final class Attachments implements PodAttacher {
  private static final Logger LOG = LoggerFactory.getLogger(Attachments.class);
  private static final int LOCKS = 64;

  /// What pods are made with; unknown until the node has its range.
  record Settings(int mtu) {}

  private final AddressSource source;
  private final AddressBook book;
  private final PodWire wires;
  private final RememberedCalls calls;
  private final HostPorts ports;
  private final Delegate delegates;
  private final PodGate gate;
  private final StepObserver steps;
  private final ReentrantLock[] locks = new ReentrantLock[LOCKS];
  private volatile Optional<Settings> settings = Optional.empty();
  private volatile String trouble = "";

  /// @param source who chooses addresses; they stand in the book
  Attachments(
      AddressSource source,
      AddressBook book,
      PodWire wires,
      RememberedCalls calls,
      HostPorts ports,
      Delegate delegates,
      PodGate gate,
      StepObserver steps) {
    this.source = source;
    this.book = book;
    this.wires = wires;
    this.calls = calls;
    this.ports = ports;
    this.delegates = delegates;
    this.gate = gate;
    this.steps = steps;
    for (int i = 0; i < LOCKS; i++) {
      locks[i] = new ReentrantLock();
    }
    Map<Attachment, List<HostPort>> opened = new HashMap<>();
    for (RememberedCall call : calls.all()) {
      shape(call).ifPresent(shape -> opened.put(call.request().attachment(), shape.ports()));
    }
    ports.restore(opened);
    tellGate();
  }

  /// Who is connected, as the book and the calls say.
  private void tellGate() {
    for (Allocation allocation : book.allocations()) {
      Allocation.Owner owner = allocation.owner();
      pod(owner)
          .ifPresent(pod ->
              gate.connected(pod.namespace(), pod.name(), owner.podUid(), allocation.addresses()));
    }
    for (RememberedCall call : calls.all()) {
      if (!call.foreign() && call.given().isPresent() && call.request().pod().isPresent()) {
        CniRequest.Pod pod = call.request().pod().get();
        List<IpAddress> addresses = AttachmentShape.addresses(call.given().get());
        gate.connected(pod.namespace(), pod.name(), pod.uid(), addresses);
      }
    }
  }

  private static Optional<CniRequest.Pod> pod(Allocation.Owner owner) {
    int slash = owner.pod().indexOf('/');
    return slash < 0
        ? Optional.empty()
        : Optional.of(
            new CniRequest.Pod(
                owner.pod().substring(0, slash), owner.pod().substring(slash + 1), owner.podUid()));
  }

  void settings(Settings known) {
    settings = Optional.of(known);
  }

  /// What keeps pods from reaching others, for STATUS; empty if nothing does.
  void trouble(String what) {
    trouble = what;
  }

  @Override
  public CniResult add(CniRequest request) throws CniException {
    Settings now = settings.orElseThrow(() -> notReady(Code.TRY_AGAIN_LATER));
    ReentrantLock lock = lock(request.attachment());
    lock.lock();
    try (NetworkNamespace sandbox = open(request.netns().orElseThrow());
        Undo undo = new Undo()) {
      CniResult result =
          RememberedCall.isForeign(request)
              ? join(request, sandbox, undo)
              : connect(request, sandbox, now, undo);
      undo.commit();
      return result;
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

  private CniResult connect(CniRequest request, NetworkNamespace sandbox, Settings now, Undo undo)
      throws CniException, NoAddress, IOException, PodWire.NotASandbox {
    wires.refuseMachine(sandbox);
    Attachment attachment = request.attachment();
    Optional<CniResult> given = calls.find(attachment).flatMap(RememberedCall::given);
    Optional<AttachmentShape> before = shape(request, given);
    if (before.isPresent()) {
      Wire wire = before.get().wire(now.mtu());
      if (wires.difference(wire, sandbox).isEmpty()) {
        passGate(request, before.get().addresses());
        remember(request, given);
        openPorts(attachment, before.get().ports());
        return before.get().result(wire); // asked again after its answer was lost
      }
      if (wires.leadsElsewhere(wire.hostName(), sandbox)) {
        throw otherSandbox(request);
      }
    }
    refuseWhatCannotBe(request);
    // What an earlier call left is not this one's to take away: a pod may be using it.
    boolean remembered = calls.find(attachment).isPresent();
    if (AttachmentShape.mustBeRemembered(request)) {
      steps.before("remember the call");
      if (!remembered) {
        undo.add("remember " + attachment, () -> calls.forget(attachment));
      }
      remember(request, given);
    }
    steps.before("take an address");
    List<IpAddress> addresses;
    if (request.delegate().isPresent()) {
      String type = request.delegate().get();
      if (given.isEmpty()) {
        undo.add("addresses of " + type, () -> delegates.run(type, CniCommand.DEL, request.call()));
        given = Optional.of(delegates.add(type, request.call(), request.version()));
        remember(request, given);
      }
      addresses = AttachmentShape.addresses(given.get());
    } else {
      boolean had = book.find(attachment.containerId(), attachment.interfaceName()).isPresent();
      addresses = source.allocate(owner(request)).addresses();
      if (!had) {
        undo.add(
            "allocate " + addresses,
            () -> book.release(attachment.containerId(), attachment.interfaceName()));
      }
    }
    AttachmentShape shape = new AttachmentShape(request, given, addresses);
    Wire wire = shape.wire(now.mtu());
    request
        .pod()
        .ifPresent(pod ->
            undo.add(
                "let in " + addresses, () -> gate.leave(pod.namespace(), pod.name(), addresses)));
    passGate(request, addresses);
    wires.connect(wire, sandbox, undo, steps);
    if (!shape.ports().isEmpty()) {
      steps.before("open its ports");
      undo.add("open ports", () -> ports.clear(attachment));
      openPorts(attachment, shape.ports());
    }
    steps.before("answer");
    return shape.result(wire);
  }

  private void passGate(CniRequest request, List<IpAddress> addresses) throws CniException {
    if (request.pod().isEmpty()) {
      return; // nobody can say anything about it
    }
    CniRequest.Pod pod = request.pod().get();
    try {
      if (gate.admit(pod.namespace(), pod.name(), pod.uid(), addresses)) {
        return;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    throw new CniException(
        Code.TRY_AGAIN_LATER,
        "what " + pod + " may send is not known yet: the cluster's policies are not read",
        "");
  }

  /// Later in a chain: the interface is there, we add what is asked for besides.
  private CniResult join(CniRequest request, NetworkNamespace sandbox, Undo undo)
      throws CniException, IOException {
    Attachment attachment = request.attachment();
    if (request.capabilities().mac().isPresent()) {
      throw new CniException(
          Code.UNSUPPORTED_FIELD,
          "runtimeConfig.mac = " + request.capabilities().mac().get(),
          "another plugin of the chain made the interface; give it the capability");
    }
    refuseOtherSandbox(request, sandbox);
    RememberedCall call = new RememberedCall(request, Optional.empty());
    AttachmentShape shape = AttachmentShape.ofForeign(call);
    if (!shape.ports().isEmpty()) {
      steps.before("remember the call");
      undo.add("remember " + attachment, () -> calls.forget(attachment));
      calls.put(call);
    }
    boolean loopback = !shape.ports().isEmpty();
    if (loopback || !shape.limits().none()) {
      steps.before("limit the link");
      Optional<String> problem =
          wires.limit(attachment.interfaceName(), sandbox, shape.limits(), loopback);
      if (problem.isPresent() && !shape.limits().none()) {
        throw new CniException(
            Code.INVALID_CONFIG, "runtimeConfig.bandwidth: " + problem.get(), "");
      }
    }
    steps.before("open its ports");
    undo.add("open ports", () -> ports.clear(attachment));
    openPorts(attachment, shape.ports());
    steps.before("answer");
    return request.previous().orElseThrow();
  }

  /// As long as the sandbox of the first ADD is there, what is known of it stays.
  private void refuseOtherSandbox(CniRequest request, NetworkNamespace sandbox)
      throws CniException {
    Optional<Path> first = calls.find(request.attachment()).flatMap(call -> call.request().netns());
    if (first.isEmpty() || first.equals(request.netns())) {
      return;
    }
    try (NetworkNamespace known = NetworkNamespace.open(first.get())) {
      if (!known.equals(sandbox)) {
        throw otherSandbox(request);
      }
    } catch (KernelException e) {
      LOG.debug("The first sandbox of {} is gone", request.attachment(), e);
    }
  }

  private static CniException otherSandbox(CniRequest request) {
    return new CniException(
        Code.INVALID_ENVIRONMENT,
        "CNI_NETNS is not where " + request.attachment() + " was added: it needs a DEL first",
        request.netns().orElseThrow().toString());
  }

  private void remember(CniRequest request, Optional<CniResult> given) throws IOException {
    if (AttachmentShape.mustBeRemembered(request)) {
      calls.put(new RememberedCall(request, given));
    }
  }

  private void openPorts(Attachment attachment, List<HostPort> wanted)
      throws CniException, IOException {
    try {
      ports.set(attachment, wanted);
    } catch (HostPorts.PortInUse e) {
      collect(); // perhaps by a sandbox that is gone without a DEL
      try {
        ports.set(attachment, wanted);
      } catch (HostPorts.PortInUse again) {
        throw new CniException(Code.PORT_IN_USE, String.valueOf(again.getMessage()), "");
      }
    }
  }

  private void refuseWhatCannotBe(CniRequest request) throws CniException {
    if (request.delegate().isEmpty() && !request.capabilities().ipRanges().isEmpty()) {
      throw new CniException(
          Code.UNSUPPORTED_FIELD,
          "runtimeConfig.ipRanges = " + request.capabilities().ipRanges(),
          "this node's ranges are those of its Node object; a delegate (ipam.type) can have others");
    }
    if (request.capabilities().mac().isEmpty()) {
      return;
    }
    boolean taken = Wire.isOurs(request.capabilities().mac().get());
    for (RememberedCall other : calls.all()) {
      taken |=
          !other.request().attachment().equals(request.attachment())
              && other.request().capabilities().mac().equals(request.capabilities().mac());
    }
    if (taken) {
      throw new CniException(
          Code.INVALID_CONFIG,
          "runtimeConfig.mac is, or can become, another pod's",
          request.capabilities().mac().get().toString());
    }
  }

  @Override
  public void delete(CniRequest request) throws CniException {
    ReentrantLock lock = lock(request.attachment());
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

  @Override
  public void check(CniRequest request) throws CniException {
    Attachment attachment = request.attachment();
    Optional<RememberedCall> call = calls.find(attachment);
    boolean foreign = RememberedCall.isForeign(request);
    CniRequest added = call.map(RememberedCall::request).orElse(request);
    AttachmentShape shape =
        (foreign
                ? Optional.of(
                    AttachmentShape.ofForeign(new RememberedCall(added, Optional.empty())))
                : shape(added, call.flatMap(RememberedCall::given)))
            .orElseThrow(() ->
                new CniException(Code.UNKNOWN_CONTAINER, "nothing is known of " + attachment, ""));
    List<IpAddress> told = AttachmentShape.addresses(request.previous().orElseThrow());
    for (IpAddress address : shape.addresses()) {
      if (!told.contains(address)) {
        throw new CniException(
            Code.NOT_AS_ADDED, "prevResult does not hold the pod's address " + address, "");
      }
    }
    if (!ports.has(attachment, shape.ports())) {
      throw new CniException(Code.NOT_AS_ADDED, "the pod has lost ports of the node", "");
    }
    try (NetworkNamespace sandbox = open(request.netns().orElseThrow())) {
      int mtu = settings.map(Settings::mtu).orElse(0);
      Optional<String> difference =
          foreign
              ? PodWire.foreignDifference(attachment.interfaceName(), sandbox)
              : wires.difference(wireToCheck(shape, request, mtu), sandbox);
      if (difference.isPresent()) {
        throw new CniException(Code.NOT_AS_ADDED, difference.get(), "");
      }
    } catch (KernelException e) {
      throw new CniException(Code.KERNEL, "the kernel does not show " + attachment, e);
    }
    if (request.delegate().isPresent()) {
      delegates.run(request.delegate().get(), CniCommand.CHECK, request.call());
    }
  }

  /// The routes that were told are those that are looked for: others may be an earlier plugin's.
  private static Wire wireToCheck(AttachmentShape shape, CniRequest request, int mtu) {
    List<CniResult.Route> told = request.previous().orElseThrow().routes();
    Wire wire = new AttachmentShape(shape.request(), shape.given(), shape.addresses()).wire(mtu);
    return wire.withRoutes(
        told.stream()
            .filter(route ->
                route.gateway().isPresent()
                    && route.gateway().get().equals(Wire.gateway(route.destination().family())))
            .map(CniResult.Route::destination)
            .toList());
  }

  @Override
  public void status(NetworkRequest request) throws CniException {
    if (settings.isEmpty()) {
      throw notReady(Code.NOT_AVAILABLE);
    }
    if (!trouble.isEmpty()) {
      throw new CniException(Code.LIMITED, "pods may not reach all others", trouble);
    }
    if (request.delegate().isPresent()) {
      delegates.run(request.delegate().get(), CniCommand.STATUS, request.call());
    }
  }

  @Override
  public void collect(NetworkRequest request) throws CniException {
    Optional<CniException> first = Optional.empty();
    for (Attachment attachment : known()) {
      String network =
          calls.find(attachment).map(call -> call.request().network()).orElse(CniFiles.NETWORK);
      if (!network.equals(request.network()) || request.valid().contains(attachment)) {
        continue;
      }
      ReentrantLock lock = lock(attachment);
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
      ReentrantLock lock = lock(attachment);
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
        open(netns).close();
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

  /// What an attachment came to, if its addresses are known.
  private Optional<AttachmentShape> shape(CniRequest request, Optional<CniResult> given) {
    return given
        .map(AttachmentShape::addresses)
        .or(() ->
            request.delegate().isPresent()
                ? Optional.empty()
                : book.find(
                        request.attachment().containerId(), request.attachment().interfaceName())
                    .map(Allocation::addresses))
        .map(addresses -> new AttachmentShape(request, given, addresses));
  }

  private Optional<AttachmentShape> shape(RememberedCall call) {
    return call.foreign()
        ? Optional.of(AttachmentShape.ofForeign(call))
        : shape(call.request(), call.given());
  }

  private static String hostName(Attachment attachment) {
    return Wire.hostName(attachment.containerId(), attachment.interfaceName());
  }

  private static CniException notReady(Code code) {
    return new CniException(
        code, "the pod network is not ready: this node has no spec.podCIDR yet", "");
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

  private ReentrantLock lock(Attachment attachment) {
    return locks[Math.floorMod(attachment.containerId().hashCode(), LOCKS)];
  }
}
