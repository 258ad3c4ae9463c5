// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.attach.Limits;
import dev.fairway.podnet.attach.Wire;
import dev.fairway.podnet.calls.RememberedCall;
import dev.fairway.podnet.cni.CniRequest;
import dev.fairway.podnet.cni.CniResult;
import dev.fairway.podnet.hostport.HostPort;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What an ADD comes to, once its addresses are known. Pure.
///
/// @param request the ADD
/// @param given what a delegate gave; empty where the addresses are the agent's own
/// @param addresses of the pod
record AttachmentShape(CniRequest request, Optional<CniResult> given, List<IpAddress> addresses) {
  private static final CniResult NOTHING =
      new CniResult(List.of(), List.of(), List.of(), CniResult.Dns.NONE);

  /// The addresses of an interface that another plugin of the chain made.
  static List<IpAddress> foreignAddresses(CniRequest request) {
    CniResult previous = request.previous().orElse(NOTHING);
    List<IpAddress> addresses = new ArrayList<>();
    for (CniResult.Address address : previous.addresses()) {
      boolean ours =
          address
              .link()
              .map(link -> previous.interfaces().get(link).name())
              .map(name -> name.equals(request.attachment().interfaceName()))
              .orElse(true);
      if (ours) {
        addresses.add(address.address());
      }
    }
    return addresses;
  }

  static List<IpAddress> addresses(CniResult given) {
    return given.addresses().stream().map(CniResult.Address::address).toList();
  }

  /// Whether the address book and the kernel do not tell all that an ADD left behind.
  static boolean mustBeRemembered(CniRequest request) {
    return !request.capabilities().portMappings().isEmpty()
        || request.capabilities().mac().isPresent()
        || request.delegate().isPresent()
        || !request.network().equals(CniFiles.NETWORK);
  }

  Limits limits() {
    return request.capabilities().bandwidth().map(Limits::of).orElse(Limits.NONE);
  }

  List<HostPort> ports() {
    return HostPort.of(request.capabilities().portMappings(), addresses);
  }

  Wire wire(int mtu) {
    Wire wire =
        Wire.of(
                request.attachment().containerId(),
                request.attachment().interfaceName(),
                addresses,
                mtu,
                alias())
            .withRoutes(routes())
            .withLimits(limits())
            .withLoopback(!request.capabilities().portMappings().isEmpty());
    return request.capabilities().mac().map(wire::withMac).orElse(wire);
  }

  private String alias() {
    String pod = request.pod().map(CniRequest.Pod::toString).orElse("");
    List<String> names = request.capabilities().aliases();
    return names.isEmpty() ? pod : (pod + " " + String.join(",", names)).strip();
  }

  /// Everything lies behind the gateway, so a delegate's routes tell only where to, and its subnet
  /// is one more. Without any, and without a delegate, the pod reaches the world. An interface that
  /// an earlier plugin made keeps the default route.
  private List<Prefix> routes() {
    List<Prefix> routes = new ArrayList<>();
    boolean named = given.isPresent() && !given.get().routes().isEmpty();
    if (named) {
      given.get().routes().forEach(route -> routes.add(route.destination()));
      given.get().addresses().forEach(ip -> routes.add(new Prefix(ip.address(), ip.length())));
      routes.removeIf(route -> addresses.stream().noneMatch(a -> a.family() == route.family()));
    } else {
      addresses.forEach(address -> routes.add(new Prefix(address, 0)));
    }
    for (CniResult.Route before : request.previous().orElse(NOTHING).routes()) {
      routes.removeIf(route -> route.length() == 0 && route.equals(before.destination()));
    }
    return routes.stream().distinct().toList();
  }

  /// What the plugins before did, and then ours.
  CniResult result(Wire wire) {
    CniResult previous = request.previous().orElse(NOTHING);
    String sandbox = request.netns().orElseThrow().toString();
    List<CniResult.Interface> interfaces = new ArrayList<>(previous.interfaces());
    interfaces.add(
        CniResult.Interface.ofMachine(wire.hostName(), Wire.HOST_MAC.toString(), wire.mtu()));
    int link = interfaces.size();
    interfaces.add(
        CniResult.Interface.ofSandbox(wire.podName(), wire.mac().toString(), wire.mtu(), sandbox));
    List<CniResult.Address> ips = new ArrayList<>(previous.addresses());
    for (IpAddress address : wire.addresses()) {
      ips.add(
          new CniResult.Address(
              address,
              address.family().addressBits(),
              Optional.of(Wire.gateway(address.family())),
              Optional.of(link)));
    }
    List<CniResult.Route> routes = new ArrayList<>(previous.routes());
    for (Prefix destination : wire.routes()) {
      routes.add(CniResult.Route.of(destination, Wire.gateway(destination.family())));
    }
    return new CniResult(interfaces, ips, routes, dns(previous));
  }

  /// What is said nearest to the pod counts.
  private CniResult.Dns dns(CniResult previous) {
    List<CniResult.Dns> said = new ArrayList<>();
    request.capabilities().dns().ifPresent(said::add);
    given.ifPresent(result -> said.add(result.dns()));
    said.add(request.dns());
    said.add(previous.dns());
    said.removeIf(CniResult.Dns.NONE::equals);
    return said.isEmpty() ? CniResult.Dns.NONE : said.getFirst();
  }

  static AttachmentShape ofForeign(RememberedCall call) {
    return new AttachmentShape(call.request(), Optional.empty(), foreignAddresses(call.request()));
  }
}
