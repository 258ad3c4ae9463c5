// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.podnet.attach.PodWire;
import dev.fairway.podnet.attach.Undo;
import dev.fairway.podnet.attach.Wire;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A node in a namespace, with pods that are connected as the agent connects them, and connection
/// tracking on.
public final class PodLab implements AutoCloseable {
  public final NetworkNamespace node = NetworkNamespace.createAnonymous();
  public final PodWire wires;
  private final Map<String, NetworkNamespace> pods = new LinkedHashMap<>();
  private final Map<String, Wire> made = new LinkedHashMap<>();
  private final int number;

  public PodLab() throws Exception {
    this(0);
  }

  /// Node NUMBER of several, whose pods have 10.200.NUMBER.0/24 and fd00:200:0:NUMBER::/64.
  public PodLab(int number) throws Exception {
    this.number = number;
    try (RouteNetlink netlink = RouteNetlink.open(node)) {
      netlink.apply(
          RouteRequest.ChangeLink.of(1).setUp(),
          new RouteRequest.PutAddress(
              LinkAddress.of(1, IpAddress.parse("10.240.0." + (20 + number)), 32)));
    }
    Sysctls.write(node, Map.of("net.ipv4.ip_forward", "1", "net.ipv6.conf.all.forwarding", "1"));
    wires = new PodWire(node);
    nft(
        "add table inet tracking; add chain inet tracking seen { type filter hook prerouting"
            + " priority 0; }; add rule inet tracking seen ct state new accept");
  }

  /// Connects a pod with 10.200.NODE.NUMBER and fd00:200:0:NODE::NUMBER.
  public NetworkNamespace pod(String name, int podNumber) throws Exception {
    NetworkNamespace pod = NetworkNamespace.createAnonymous();
    pods.put(name, pod);
    Wire wire =
        Wire.of(
            name,
            "eth0",
            List.of(IpAddress.parse(v4(number, podNumber)), IpAddress.parse(v6(number, podNumber))),
            1500,
            "test/" + name);
    made.put(name, wire);
    // As the product does for pods: an address is used at once.
    pod.call(() -> {
      Sysctls.write("net.ipv6.conf.default.accept_dad", "0");
      return true;
    });
    try (Undo undo = new Undo()) {
      wires.connect(wire, pod, undo, step -> {});
      undo.commit();
    }
    return pod;
  }

  public static String v4(int podNumber) {
    return v4(0, podNumber);
  }

  public static String v6(int podNumber) {
    return v6(0, podNumber);
  }

  public static String v4(int node, int podNumber) {
    return "10.200." + node + "." + podNumber;
  }

  public static String v6(int node, int podNumber) {
    return "fd00:200:0:" + node + "::" + Integer.toHexString(podNumber);
  }

  public Wire wire(String name) {
    Wire wire = made.get(name);
    if (wire == null) {
      throw new IllegalArgumentException(name);
    }
    return wire;
  }

  public void disconnect(String name) {
    wires.disconnect(wire(name).hostName(), wire(name).addresses());
    NetworkNamespace pod = pods.remove(name);
    if (pod != null) {
      pod.close();
    }
  }

  public String nft(String rules) throws Exception {
    return run(node, "nft", rules);
  }

  public static String run(NetworkNamespace where, String... command) throws IOException {
    Process process = where.start(new ProcessBuilder(command).redirectErrorStream(true));
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new IOException(String.join(" ", command) + ": " + output);
      }
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
    return output;
  }

  @Override
  public void close() {
    wires.close();
    pods.values().forEach(NetworkNamespace::close);
    node.close();
  }
}
