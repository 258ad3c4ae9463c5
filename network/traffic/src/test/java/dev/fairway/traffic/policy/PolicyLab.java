// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.Neighbour;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Route;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.linux.RouteRequest.PutNeighbour;
import dev.fairway.linux.RouteRequest.PutRoute;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.Pod;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A node and pods behind it, each in a namespace of its own, with addresses of both families.
final class PolicyLab implements AutoCloseable {
  static final String NODE = "worker-0";
  private static final String NODE_ADDRESS = "10.240.0.20";
  private static final MacAddress GATEWAY_MAC = MacAddress.parse("ee:ee:ee:ee:ee:ee");

  final NetworkNamespace node = NetworkNamespace.createAnonymous();
  private final RouteNetlink inNode = RouteNetlink.open(node);
  private final Map<String, NetworkNamespace> sandboxes = new LinkedHashMap<>();
  final Map<String, Pod> pods = new LinkedHashMap<>();

  PolicyLab() {
    inNode.apply(
        ChangeLink.of("lo").setUp(),
        new PutAddress(LinkAddress.of(1, IpAddress.parse(NODE_ADDRESS), 32)));
    Sysctls.write(node, Map.of("net.ipv4.ip_forward", "1"));
    Sysctls.write(node, Map.of("net.ipv6.conf.all.forwarding", "1"));
  }

  /// Connects a pod, whose addresses end in how many there are then.
  void add(String namespace, String name) {
    int number = sandboxes.size() + 2;
    Pod pod = Objects.pod(namespace, name, NODE, number);
    NetworkNamespace sandbox = NetworkNamespace.createAnonymous();
    sandboxes.put(namespace + "/" + name, sandbox);
    pods.put(namespace + "/" + name, pod);
    int hostLink = 100 + number;
    MacAddress mac = new MacAddress(0x0a58_0000_0000L + number);
    try (RouteNetlink inPod = RouteNetlink.open(sandbox)) {
      inPod.apply(
          ChangeLink.of("lo").setUp(),
          new AddVeth(
              LinkSpec.named("eth0").withIndex(2).withMac(mac).withUp(),
              LinkSpec.named("veth" + number).withIndex(hostLink).withMac(GATEWAY_MAC).in(node)));
      inNode.apply(ChangeLink.of(hostLink).setUp());
      for (IpFamily family : IpFamily.values()) {
        IpAddress own = address(namespace + "/" + name, family);
        IpAddress gateway = IpAddress.parse(family == IpFamily.IPV4 ? "169.254.1.1" : "fe80::1");
        inPod.apply(
            new PutAddress(LinkAddress.of(2, own, family.addressBits())),
            new PutNeighbour(Neighbour.of(2, gateway, GATEWAY_MAC)));
        inNode.apply(
            new PutRoute(Route.to(own.toPrefix()).on(hostLink)),
            new PutNeighbour(Neighbour.of(hostLink, own, mac)));
        if (family == IpFamily.IPV4) {
          inPod.apply(new PutRoute(Route.to(gateway.toPrefix()).on(2)));
        }
        inPod.apply(
            new PutRoute(
                Route.to(Prefix.parse(family == IpFamily.IPV4 ? "0.0.0.0/0" : "::/0"))
                    .via(gateway)
                    .on(2)));
      }
    }
  }

  NetworkNamespace sandbox(String pod) {
    NetworkNamespace found = pod.equals(NODE) ? node : sandboxes.get(pod);
    if (found == null) {
      throw new AssertionError("no pod " + pod);
    }
    return found;
  }

  IpAddress address(String pod, IpFamily family) {
    if (pod.equals(NODE)) {
      return IpAddress.parse(NODE_ADDRESS);
    }
    return PodFacts.of(pods.get(pod)).orElseThrow().addresses().stream()
        .filter(address -> address.family() == family)
        .findFirst()
        .orElseThrow();
  }

  List<String> names() {
    return new ArrayList<>(sandboxes.keySet());
  }

  /// What a command of the node prints.
  String inNode(String... command) throws Exception {
    Process process = node.start(new ProcessBuilder(command).redirectErrorStream(true));
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int status = process.waitFor();
    return status == 0 ? output : status + ": " + output;
  }

  @Override
  public void close() {
    inNode.close();
    sandboxes.values().forEach(NetworkNamespace::close);
    node.close();
  }
}
