// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic;

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
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.traffic.rules.ServicesConfig;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.DatagramPacket;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A node, pods behind it and a machine outside, each in a namespace of its own.
///
/// The node is 10.240.0.20 and fd00:240::20; the machine outside is 10.240.0.1 and fd00:240::1 and
/// sends everything through the node. Pods run servers that answer with their name and the address
/// they were asked from.
final class NodeLab implements AutoCloseable {
  static final String NODE = "10.240.0.20";
  static final String OUTSIDE = "10.240.0.1";
  private static final MacAddress GATEWAY_MAC = MacAddress.parse("ee:ee:ee:ee:ee:ee");

  final NetworkNamespace node = NetworkNamespace.createAnonymous();
  final NetworkNamespace outside = NetworkNamespace.createAnonymous();
  private final RouteNetlink inNode = RouteNetlink.open(node);
  private final Map<String, NetworkNamespace> pods = new LinkedHashMap<>();
  private final List<AutoCloseable> servers = new ArrayList<>();

  /// The node as its Services see it.
  static ServicesConfig config(Datapath datapath, ClientGroup group) {
    return ServicesConfig.of(
            "worker-0", List.of(IpAddress.parse(NODE)), List.of(Prefix.parse("10.200.0.0/16")))
        .withServiceRanges(List.of(Prefix.parse("10.32.0.0/16")))
        .withDatapath(datapath)
        .withCgroup(group.path);
  }

  NodeLab() {
    try (RouteNetlink inOutside = RouteNetlink.open(outside)) {
      inOutside.apply(
          ChangeLink.of("lo").setUp(),
          new AddVeth(
              LinkSpec.named("eth0").withIndex(2).withUp(),
              LinkSpec.named("eth0").withIndex(2).in(node)),
          new PutAddress(LinkAddress.of(2, IpAddress.parse(OUTSIDE), 24)),
          new PutAddress(LinkAddress.of(2, IpAddress.parse("fd00:240::1"), 64)));
      inNode.apply(
          ChangeLink.of("lo").setUp(),
          ChangeLink.of(2).setUp(),
          new PutAddress(LinkAddress.of(2, IpAddress.parse(NODE), 24)),
          new PutAddress(LinkAddress.of(2, IpAddress.parse("fd00:240::20"), 64)),
          // A cluster address is routed nowhere: it must be redirected or refused before.
          new PutRoute(Route.to(Prefix.parse("0.0.0.0/0")).via(IpAddress.parse(OUTSIDE)).on(2)),
          new PutRoute(Route.to(Prefix.parse("::/0")).via(IpAddress.parse("fd00:240::1")).on(2)));
      inOutside.apply(
          new PutRoute(Route.to(Prefix.parse("0.0.0.0/0")).via(IpAddress.parse(NODE)).on(2)),
          new PutRoute(Route.to(Prefix.parse("::/0")).via(IpAddress.parse("fd00:240::20")).on(2)));
    }
    Sysctls.write(node, Map.of("net.ipv4.ip_forward", "1"));
    Sysctls.write(node, Map.of("net.ipv6.conf.all.forwarding", "1"));
  }

  /// Adds a pod whose addresses end in the same number.
  NetworkNamespace pod(String name, int number) {
    NetworkNamespace pod = NetworkNamespace.createAnonymous();
    pods.put(name, pod);
    int hostLink = 100 + number;
    MacAddress podMac = new MacAddress(0x0a58_0000_0000L + number);
    IpAddress four = IpAddress.parse("10.200.0." + number);
    IpAddress six = IpAddress.parse("fd00:200::" + number);
    IpAddress gateway4 = IpAddress.parse("169.254.1.1");
    IpAddress gateway6 = IpAddress.parse("fe80::1");
    try (RouteNetlink inPod = RouteNetlink.open(pod)) {
      inPod.apply(
          ChangeLink.of("lo").setUp(),
          new AddVeth(
              LinkSpec.named("eth0").withIndex(2).withMac(podMac).withUp(),
              LinkSpec.named("veth" + number).withIndex(hostLink).withMac(GATEWAY_MAC).in(node)),
          new PutAddress(LinkAddress.of(2, four, 32)),
          new PutAddress(LinkAddress.of(2, six, 128)),
          new PutNeighbour(Neighbour.of(2, gateway4, GATEWAY_MAC)),
          new PutNeighbour(Neighbour.of(2, gateway6, GATEWAY_MAC)));
      inNode.apply(
          ChangeLink.of(hostLink).setUp(),
          new PutRoute(Route.to(four.toPrefix()).on(hostLink)),
          new PutRoute(Route.to(six.toPrefix()).on(hostLink)),
          new PutNeighbour(Neighbour.of(hostLink, four, podMac)),
          new PutNeighbour(Neighbour.of(hostLink, six, podMac)));
      inPod.apply(
          new PutRoute(Route.to(gateway4.toPrefix()).on(2)),
          new PutRoute(Route.to(Prefix.parse("0.0.0.0/0")).via(gateway4).on(2)),
          new PutRoute(Route.to(Prefix.parse("::/0")).via(gateway6).on(2)));
    }
    return pod;
  }

  /// Gives a pod one more address.
  ///
  /// @param number the pod's
  void give(String pod, int number, IpAddress address) {
    int hostLink = 100 + number;
    try (RouteNetlink inPod = RouteNetlink.open(pods.get(pod))) {
      inPod.apply(new PutAddress(LinkAddress.of(2, address, 32)));
      inNode.apply(
          new PutRoute(Route.to(address.toPrefix()).on(hostLink)),
          new PutNeighbour(
              Neighbour.of(hostLink, address, new MacAddress(0x0a58_0000_0000L + number))));
    }
  }

  /// Answers every line of a TCP connection, until the lab is closed.
  void serveTcp(String name, int port) throws IOException {
    NetworkNamespace pod = pods.get(name);
    ServerSocketChannel server =
        pod.call(() -> {
          ServerSocketChannel channel = ServerSocketChannel.open();
          channel.bind(new InetSocketAddress(port));
          return channel;
        });
    servers.add(server);
    Thread.startVirtualThread(() -> {
      try {
        while (true) {
          SocketChannel client = server.accept();
          Thread.startVirtualThread(() -> answer(name, client));
        }
      } catch (IOException e) {
        // The lab is closed.
      }
    });
  }

  private static void answer(String name, SocketChannel client) {
    try (client) {
      ByteBuffer line = ByteBuffer.allocate(64);
      while (client.read(line.clear()) > 0) {
        client.write(ByteBuffer.wrap(reply(name, (InetSocketAddress) client.getRemoteAddress())));
      }
    } catch (IOException e) {
      // The other side is gone.
    }
  }

  private static byte[] reply(String name, InetSocketAddress from) {
    return (name + " " + from.getAddress().getHostAddress() + "\n")
        .getBytes(StandardCharsets.UTF_8);
  }

  /// Answers every datagram, until the lab is closed.
  void serveUdp(String name, int port) throws IOException {
    DatagramChannel server =
        pods.get(name)
            .call(() ->
                DatagramChannel.open(StandardProtocolFamily.INET)
                    .bind(new InetSocketAddress(port)));
    servers.add(server);
    Thread.startVirtualThread(() -> {
      ByteBuffer datagram = ByteBuffer.allocate(64);
      try {
        while (true) {
          InetSocketAddress from = (InetSocketAddress) server.receive(datagram.clear());
          server.send(ByteBuffer.wrap(reply(name, from)), from);
        }
      } catch (ClosedChannelException e) {
        // The lab is closed.
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    });
  }

  /// An open connection.
  static final class Conversation implements AutoCloseable {
    private final SocketChannel channel;
    private final BufferedReader answers;

    private Conversation(SocketChannel channel) throws IOException {
      this.channel = channel;
      channel.socket().setSoTimeout(30_000);
      this.answers =
          new BufferedReader(
              new InputStreamReader(channel.socket().getInputStream(), StandardCharsets.UTF_8));
    }

    /// Which pod answers, and from which address it was asked.
    String ask() throws IOException {
      channel.write(ByteBuffer.wrap("who\n".getBytes(StandardCharsets.UTF_8)));
      return answers.readLine();
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  static Conversation connect(NetworkNamespace from, String address, int port) throws IOException {
    return connect(from, address, port, 30_000);
  }

  static Conversation connect(NetworkNamespace from, String address, int port, int timeoutMillis)
      throws IOException {
    SocketChannel channel = from.call(() -> SocketChannel.open());
    try {
      channel.socket().connect(new InetSocketAddress(address, port), timeoutMillis);
      return new Conversation(channel);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /// One connection, one question.
  static String ask(NetworkNamespace from, String address, int port) throws IOException {
    try (Conversation conversation = connect(from, address, port)) {
      return conversation.ask();
    }
  }

  static DatagramChannel connectUdp(NetworkNamespace from, String address, int port)
      throws IOException {
    DatagramChannel channel = from.call(() -> DatagramChannel.open(StandardProtocolFamily.INET));
    channel.connect(new InetSocketAddress(address, port));
    return channel;
  }

  static String askUdp(NetworkNamespace from, String address, int port) throws IOException {
    try (DatagramChannel channel = connectUdp(from, address, port)) {
      return askUdp(channel);
    }
  }

  /// One datagram there and one back; `refused` where nobody listens.
  static String askUdp(DatagramChannel channel) throws IOException {
    try {
      channel.write(ByteBuffer.wrap(new byte[1]));
      channel.socket().setSoTimeout(5000);
      byte[] bytes = new byte[64];
      DatagramPacket packet = new DatagramPacket(bytes, bytes.length);
      channel.socket().receive(packet);
      return new String(bytes, 0, packet.getLength(), StandardCharsets.UTF_8).strip();
    } catch (PortUnreachableException e) {
      return "refused";
    } catch (SocketTimeoutException e) {
      return "no answer";
    } catch (IOException e) {
      // A datagram that its own kernel refuses fails in the send call (EPERM).
      if (String.valueOf(e.getMessage()).contains("not permitted")) {
        return "refused";
      }
      throw e;
    }
  }

  /// What a command of the node prints.
  String inNode(String... command) throws Exception {
    Process process = node.start(new ProcessBuilder(command).redirectErrorStream(true));
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int status = process.waitFor();
    return status == 0 ? output : status + ": " + output;
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable server : servers) {
      server.close();
    }
    inNode.close();
    pods.values().forEach(NetworkNamespace::close);
    node.close();
    outside.close();
  }
}
