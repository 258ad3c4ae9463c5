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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Carries out what container runtimes ask: an address, then a wire, then ports of the node; the
/// way back is with [Detachments].
///
/// What an ADD does is in the address book or a remembered call before it is in the kernel, and a
/// DEL takes it out of the kernel first, so a kill at any point leaves nothing that [#collect] of
/// the next agent does not find.
final class Attachments implements PodAttacher {
  private static final Logger LOG = LoggerFactory.getLogger(Attachments.class);

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
  private final AttachmentLocks locks = new AttachmentLocks();
  private final Detachments detachments;
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
    detachments = new Detachments(source, book, wires, calls, ports, delegates, gate, steps, locks);
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
      Detachments.pod(owner)
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
    ReentrantLock lock = locks.of(request.attachment());
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
      detachments.collect(); // perhaps by a sandbox that is gone without a DEL
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
    detachments.delete(request);
  }

  @Override
  public void collect(NetworkRequest request) throws CniException {
    detachments.collect(request);
  }

  /// Takes back what sandboxes left that are gone without a DEL.
  void collect() throws IOException {
    detachments.collect();
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

  private static CniException notReady(Code code) {
    return new CniException(
        code, "the pod network is not ready: this node has no spec.podCIDR yet", "");
  }

  static NetworkNamespace open(Path path) throws CniException {
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
}
