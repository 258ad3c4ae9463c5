// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.podnet.status.Journey;
import dev.fairway.podnet.status.NodeStatus;
import dev.fairway.podnet.status.NodeStatus.Finding;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Renders what is known of a pod network. Pure.
final class NetTables {
  /// Of more rows than these, the overview shows only those that are not as they should be.
  private static final int OVERVIEW_ROWS = 60;

  private static final int MOST_NAMES = 8;
  private static final List<String> PAST_THE_STACK = List.of("direct", "across", "arrived");

  private final NetView view;

  NetTables(NetView view) {
    this.view = view;
  }

  String overview() {
    StringBuilder text = new StringBuilder(nodes());
    section(text, routes(true), "routes");
    section(text, tunnels(true), "tunnels");
    section(text, peers(true), "peers");
    section(text, pools(), "pools");
    text.append('\n').append(findings());
    return text.toString();
  }

  private static void section(StringBuilder text, String table, String name) {
    if (!table.startsWith("No ")) {
      text.append('\n').append(table);
    } else if (table.contains("broken")) {
      text.append("\nAll ").append(name).append(" are ok; fairway net ").append(name);
      text.append(" shows them\n");
    }
  }

  String nodes() {
    Map<String, NetView.ApiNode> objects = new TreeMap<>();
    view.api().forEach(node -> objects.put(node.name(), node));
    TextTable table =
        new TextTable(
            "NODE",
            "ADDRESS",
            "READY",
            "AGENT",
            "BACKEND",
            "MTU",
            "RANGES",
            "PODS",
            "FAST PATH",
            "DROPPED");
    for (NodeStatus agent : view.agents()) {
      NetView.ApiNode object = objects.remove(agent.node());
      List<String> ranges = new ArrayList<>();
      List<String> pods = new ArrayList<>();
      for (NodeStatus.Range range : agent.ranges()) {
        ranges.add(range.range());
        pods.add(range.used() + "/" + (range.capacity() > 1L << 32 ? "*" : range.capacity()));
      }
      table.row(
          agent.node(),
          agent.address(),
          object == null ? "" : object.ready(),
          agent.ready() ? "ready" : "not ready",
          agent.backend(),
          agent.podMtu() == 0 ? "" : String.valueOf(agent.podMtu()),
          String.join(",", ranges),
          String.join(",", pods),
          agent.packetWays().fastPath() ? "on" : "off",
          agent.packetWays().guarded()
              ? String.valueOf(agent.packetWays().allDropped())
              : "not guarded");
    }
    for (NetView.Silent none : view.silent()) {
      withoutAgent(table, none.node(), objects.remove(none.node()), "silent");
    }
    objects.forEach((name, object) -> withoutAgent(table, name, object, "not here"));
    return table.isEmpty() ? "No nodes.\n" : table.toString();
  }

  private static void withoutAgent(
      TextTable table,
      String name,
      NetView.@org.jspecify.annotations.Nullable ApiNode object,
      String agent) {
    if (object == null) {
      table.row(name, "", "", agent, "", "", "", "", "", "");
    } else {
      String ranges = String.join(",", object.ranges());
      table.row(name, object.address(), object.ready(), agent, "", "", ranges, "", "", "");
    }
  }

  String routes(boolean onlyBrokenOfMany) {
    TextTable table = new TextTable("ON", "RANGE", "OF", "VIA", "DEVICE", "STATE");
    long all = view.agents().stream().mapToLong(agent -> agent.routes().size()).sum();
    for (NodeStatus agent : view.agents()) {
      for (NodeStatus.Route route : agent.routes()) {
        if (!onlyBrokenOfMany || all <= OVERVIEW_ROWS || !route.state().equals(NodeStatus.OK)) {
          table.row(
              agent.node(),
              route.range(),
              route.node(),
              route.via(),
              route.device(),
              route.state());
        }
      }
    }
    return textOf(table, "routes", all);
  }

  String tunnels(boolean onlyBrokenOfMany) {
    TextTable table =
        new TextTable(
            "ON", "DEVICE", "KIND", "MTU", "DEVICE STATE", "TO", "MACHINE", "MAC OR KEY", "STATE");
    long all =
        view.agents().stream()
            .flatMap(agent -> agent.tunnels().stream())
            .mapToLong(tunnel -> Math.max(1, tunnel.ends().size()))
            .sum();
    for (NodeStatus agent : view.agents()) {
      for (NodeStatus.Tunnel tunnel : agent.tunnels()) {
        String vni = tunnel.vni() == 0 ? "" : " " + tunnel.vni();
        String kind = tunnel.kind() + vni + " port " + tunnel.port();
        String mtu = String.valueOf(tunnel.mtu());
        String device = tunnel.device();
        if (tunnel.ends().isEmpty()) {
          table.row(agent.node(), device, kind, mtu, tunnel.state(), "", "", "", "");
        }
        Set<String> peers = new HashSet<>(); // one has a range of each family
        for (NodeStatus.End end : tunnel.ends()) {
          boolean well = tunnel.state().equals(NodeStatus.OK) && end.state().equals(NodeStatus.OK);
          boolean again = tunnel.vni() == 0 && !peers.add(end.mac() + end.state());
          if (!again && (!onlyBrokenOfMany || all <= OVERVIEW_ROWS || !well)) {
            String to = end.node().isEmpty() ? end.gateway() : end.node();
            table.row(
                agent.node(),
                device,
                kind,
                mtu,
                tunnel.state(),
                to,
                end.machine(),
                end.mac(),
                end.state());
          }
        }
      }
    }
    return textOf(table, "tunnels", all);
  }

  String peers(boolean onlyBrokenOfMany) {
    TextTable table =
        new TextTable(
            "ON", "PEER", "NODE", "AS", "STATE", "SINCE", "RECEIVED", "SENT", "BFD", "WHY");
    long all = view.agents().stream().mapToLong(agent -> agent.peers().size()).sum();
    for (NodeStatus agent : view.agents()) {
      for (NodeStatus.Peer peer : agent.peers()) {
        if (!onlyBrokenOfMany || all <= OVERVIEW_ROWS || !peer.why().isEmpty()) {
          table.row(
              agent.node(),
              peer.address(),
              peer.node(),
              String.valueOf(peer.asn()),
              peer.state(),
              peer.since(),
              String.valueOf(peer.received()),
              String.valueOf(peer.sent()),
              peer.bfd(),
              peer.why());
        }
      }
    }
    return textOf(table, "peers", all);
  }

  String pools() {
    TextTable table = new TextTable("POOL", "RANGE", "USED BY", "BLOCKS", "PODS");
    Map<String, String> ranges = new TreeMap<>();
    for (NodeStatus agent : view.agents()) {
      agent.pools().forEach(pool -> ranges.put(pool.name(), pool.range()));
    }
    ranges.forEach((name, range) -> {
      List<String> nodes = new ArrayList<>();
      long blocks = 0;
      long used = 0;
      long capacity = 0;
      for (NodeStatus agent : view.agents()) {
        if (agent.pools().stream().anyMatch(pool -> pool.name().equals(name))) {
          nodes.add(agent.node());
        }
        for (NodeStatus.Range each : agent.ranges()) {
          if (each.pool().equals(name)) {
            blocks++;
            used += each.used();
            capacity += each.capacity();
          }
        }
      }
      String by =
          nodes.size() > MOST_NAMES && nodes.size() == view.agents().size()
              ? "all " + nodes.size()
              : String.join(",", nodes);
      table.row(name, range, by, String.valueOf(blocks), used + "/" + capacity);
    });
    return textOf(table, "pools", 0);
  }

  String pods() {
    TextTable table =
        new TextTable("POD", "ADDRESSES", "NODE", "LINK", "MTU", "CONTAINER", "STATE");
    for (NodeStatus agent : view.agents()) {
      for (NodeStatus.Pod pod : agent.pods()) {
        String id = pod.containerId();
        table.row(
            pod.pod(),
            String.join(",", pod.addresses()),
            agent.node(),
            pod.link(),
            String.valueOf(pod.mtu()),
            id.length() > 12 ? id.substring(0, 12) : id,
            pod.why().isEmpty() ? "ok" : pod.why());
      }
    }
    return textOf(table, "pods", 0);
  }

  /// Where packets of pods went, and those that were dropped because of what they say of their
  /// sender.
  String packets() {
    TextTable table = new TextTable("ON", "WHERE TO", "PACKETS", "WHY");
    for (NodeStatus agent : view.agents()) {
      NodeStatus.PacketWays packetWays = agent.packetWays();
      if (!packetWays.fastPath()) {
        table.row(
            agent.node(), "the stack", "all", packetWays.why().lines().findFirst().orElse(""));
      }
      packetWays
          .packets()
          .forEach((outcome, count) -> {
            boolean past = PAST_THE_STACK.contains(outcome);
            table.row(
                agent.node(),
                past ? "past the stack" : "the stack",
                String.valueOf(count),
                outcome);
          });
      packetWays
          .dropped()
          .forEach(
              (reason, count) -> table.row(agent.node(), "dropped", String.valueOf(count), reason));
    }
    return textOf(table, "agents", 0);
  }

  String plan() {
    StringBuilder text = new StringBuilder();
    for (NodeStatus agent : view.agents()) {
      for (String step : agent.plan()) {
        text.append(agent.node()).append("   ").append(step).append('\n');
      }
    }
    return text.isEmpty() ? "Nothing is to be changed.\n" : text.toString();
  }

  private static String textOf(TextTable table, String name, long all) {
    if (!table.isEmpty()) {
      return table.toString();
    }
    return all == 0 ? "No " + name + ".\n" : "No broken " + name + ".\n";
  }

  String findings() {
    TextTable table = new TextTable("ON", "WHAT IS WRONG", "WHY", "TO DO");
    for (NetView.Silent none : view.silent()) {
      table.row(
          none.node(),
          "its agent",
          none.why(),
          (none.node().startsWith("/")
                  ? "see that it runs, and its log"
                  : "./fairway status shows what runs, ./fairway logs " + none.node() + " why not")
              + "; its pods stay connected meanwhile");
    }
    if (!view.apiProblem().isEmpty()) {
      table.row("", "API server", view.apiProblem(), "the network works without it as it is now");
    }
    for (NodeStatus agent : view.agents()) {
      for (Finding finding : agent.findings()) {
        table.row(agent.node(), finding.about(), finding.why(), finding.mend());
      }
    }
    return table.isEmpty() ? "Nothing is wrong.\n" : table.toString();
  }

  /// A packet's way there and the answer's back.
  static String why(Journey there, Journey back) {
    StringBuilder text = new StringBuilder();
    leg(text, there);
    if (there.arrives()) {
      text.append('\n');
      leg(text, back);
    }
    return text.toString();
  }

  private static void leg(StringBuilder text, Journey journey) {
    text.append(journey.from()).append("  ->  ").append(journey.to()).append('\n');
    TextTable table = new TextTable("ON", "WHAT", "STATE");
    String mend = "";
    for (Journey.Hop hop : journey.hops()) {
      table.row(hop.node(), hop.what(), hop.why().isEmpty() ? "ok" : "BROKEN: " + hop.why());
      mend = hop.mend();
    }
    text.append(table);
    if (journey.arrives()) {
      text.append("A packet gets there.\n");
    } else {
      text.append("A packet gets no further.");
      text.append(mend.isEmpty() ? "\n" : " To do: " + mend + "\n");
    }
  }
}
