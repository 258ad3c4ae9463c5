// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.net.IpFamily;
import dev.fairway.podnet.status.Journey;
import dev.fairway.podnet.status.NodeStatus;
import dev.fairway.podnet.status.StatusServer;
import dev.fairway.provision.ClusterPaths;
import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.Machine;
import dev.fairway.provision.ProvisionException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "net",
    description = {
      "Shows the pod network as its agents see it: nodes, ranges, routes, tunnels, peers, and what"
          + " is wrong, why, and what to do. Works while the API server is down.",
      "",
      "Views: nodes, routes, tunnels, peers, pools, pods, packets (which way they went, and what was"
          + " dropped), plan (what would be changed in the kernel now), and why FROM TO: the way of a packet between two pods or nodes, and where it breaks.",
    })
final class NetCommand implements Callable<Integer> {
  private static final int BROKEN = 1;

  @Mixin private ClusterOption cluster = new ClusterOption();

  @Parameters(index = "0", arity = "0..1", paramLabel = "VIEW", description = "all if not given")
  private String view = "all";

  @Parameters(
      index = "1..*",
      arity = "0..2",
      paramLabel = "FROM TO",
      description = "of why: a node, a pod (namespace/name or name), or an address of either")
  private List<String> ends = new ArrayList<>();

  @Option(
      names = "--agent",
      paramLabel = "SOCKET",
      description = "ask this agent instead of a local cluster's; can be given several times")
  private List<Path> agents = new ArrayList<>();

  @Option(names = "-6", description = "of why: follow an IPv6 packet")
  private boolean ipv6;

  @Option(names = "-o", paramLabel = "FORMAT", description = "json, for programs")
  private String format = "";

  @Override
  public Integer call() throws InterruptedException {
    check();
    NetView known = agents.isEmpty() ? ofCluster() : ofAgents();
    if (view.equals("why")) {
      return why(known);
    }
    if (format.equals("json")) {
      System.out.println(
          JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(known));
      return 0;
    }
    NetTables tables = new NetTables(known);
    System.out.print(
        switch (view) {
          case "nodes" -> tables.nodes();
          case "routes" -> tables.routes(false);
          case "tunnels" -> tables.tunnels(false);
          case "peers" -> tables.peers(false);
          case "pools" -> tables.pools();
          case "pods" -> tables.pods();
          case "packets" -> tables.packets();
          case "plan" -> tables.plan();
          default -> tables.overview();
        });
    return 0;
  }

  private void check() {
    List<String> views =
        List.of(
            "all", "nodes", "routes", "tunnels", "peers", "pools", "pods", "packets", "plan",
            "why");
    if (!views.contains(view)) {
      throw new ProvisionException(view + ": a view is one of " + String.join(", ", views));
    }
    if (ends.size() != (view.equals("why") ? 2 : 0)) {
      throw new ProvisionException(
          "why needs two pods or nodes, FROM and TO, and the other views need none");
    }
    if (!format.isEmpty() && !format.equals("json")) {
      throw new ProvisionException("-o " + format + ": it is json or not given");
    }
    Requirements.root("net");
  }

  private int why(NetView known) {
    IpFamily family = ipv6 ? IpFamily.IPV6 : IpFamily.IPV4;
    Journey there;
    Journey back;
    try {
      there = Journey.between(known.agents(), ends.getFirst(), ends.getLast(), family);
      back = Journey.between(known.agents(), ends.getLast(), ends.getFirst(), family);
    } catch (IllegalArgumentException e) {
      StringBuilder message = new StringBuilder(e.getMessage());
      for (NetView.Silent none : known.silent()) {
        message.append("\nfairway: ").append(none.node()).append(": ").append(none.why());
      }
      throw new ProvisionException(message.toString(), e);
    }
    System.out.print(
        format.equals("json")
            ? JsonMapper.shared()
                    .writerWithDefaultPrettyPrinter()
                    .writeValueAsString(List.of(there, back))
                + "\n"
            : NetTables.why(there, back));
    return there.arrives() && back.arrives() ? 0 : BROKEN;
  }

  private NetView ofAgents() throws InterruptedException {
    Map<String, Path> sockets = new LinkedHashMap<>();
    agents.forEach(socket -> sockets.put(socket.toString(), socket));
    return ask(sockets, List.of(), "");
  }

  private NetView ofCluster() throws InterruptedException {
    ClusterSpec spec = cluster.spec();
    ClusterPaths paths = ClusterPaths.of(spec.name());
    Map<String, Path> sockets = new LinkedHashMap<>();
    for (Machine worker : spec.workerMachines()) {
      sockets.put(worker.name(), paths.machineRun(worker).resolve(StatusServer.SOCKET));
    }
    List<NetView.ApiNode> objects = new ArrayList<>();
    String problem = "";
    try {
      new ApiProbe(spec, paths).nodes().forEach(node -> objects.add(apiNode(node)));
    } catch (ProvisionException e) {
      problem = String.valueOf(e.getMessage());
    }
    return ask(sockets, objects, problem);
  }

  private static NetView.ApiNode apiNode(JsonNode node) {
    List<String> ranges = new ArrayList<>();
    node.at("/spec/podCIDRs").forEach(range -> ranges.add(range.asString("")));
    String address = "";
    for (JsonNode one : node.at("/status/addresses")) {
      if (one.path("type").asString("").equals("InternalIP") && address.isEmpty()) {
        address = one.path("address").asString("");
      }
    }
    String ready = "";
    for (JsonNode condition : node.at("/status/conditions")) {
      if (condition.path("type").asString("").equals("Ready")) {
        ready = condition.path("status").asString("");
      }
    }
    return new NetView.ApiNode(node.at("/metadata/name").asString(""), address, ranges, ready);
  }

  private static NetView ask(
      Map<String, Path> sockets, List<NetView.ApiNode> objects, String apiProblem)
      throws InterruptedException {
    List<NodeStatus> told = new ArrayList<>();
    List<NetView.Silent> silent = new ArrayList<>();
    try (ExecutorService each = Executors.newVirtualThreadPerTaskExecutor()) {
      Map<String, Future<NodeStatus>> answers = new LinkedHashMap<>();
      sockets.forEach(
          (node, socket) -> answers.put(node, each.submit(() -> StatusServer.ask(socket))));
      for (Map.Entry<String, Future<NodeStatus>> answer : answers.entrySet()) {
        try {
          told.add(answer.getValue().get());
        } catch (ExecutionException e) {
          String why =
              e.getCause() instanceof IOException cause
                  ? String.valueOf(cause.getMessage())
                  : e.getCause().toString();
          silent.add(new NetView.Silent(answer.getKey(), why));
        }
      }
    }
    return new NetView(told, silent, objects, apiProblem);
  }
}
