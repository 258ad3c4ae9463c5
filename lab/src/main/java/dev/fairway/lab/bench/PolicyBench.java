// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.traffic.policy.PolicyConfig;
import dev.fairway.traffic.policy.PolicyDatapath;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyBuilder;
import java.util.ArrayList;
import java.util.List;

/// What policies cost: 10,000 pods in 100 namespaces, 110 of them on this node, and 1,000 policies,
/// ten a namespace, each of which lets in the pods of one application from one's own namespace and
/// from those of a team.
final class PolicyBench implements Bench.Benchmark {
  private static final int NAMESPACES = 100;
  private static final int PODS_EACH = 100;
  private static final int APPS = 10;
  private static final int MINE = 110;
  private static final String NODE = "bench";
  private static final Prefix PODS = Prefix.parse("10.200.0.0/16");
  private static final double CHANGE_MILLIS = 10;
  private static final double LOAD_MILLIS = 1000;
  private static final double ESTABLISHED = 0.97;

  private final List<Namespace> namespaces = new ArrayList<>();
  private final List<Pod> pods = new ArrayList<>();
  private final List<NetworkPolicy> policies = new ArrayList<>();

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    Sysctls.write("net.ipv4.ip_forward", "1");
    objects();
    List<Row> rows = new ArrayList<>();
    try (NetworkNamespace node = NetworkNamespace.current()) {
      load(rows, node, quick);
      try (PolicyDatapath datapath = open(node)) {
        change(rows, datapath);
        admission(rows, datapath);
        established(rows, node, datapath, quick);
      }
    }
    return rows;
  }

  private static PolicyDatapath open(NetworkNamespace node) {
    return PolicyDatapath.open(new PolicyConfig(NODE, List.of()), node);
  }

  private void load(List<Row> rows, NetworkNamespace node, boolean quick) {
    Samples times = new Samples();
    double first = 0;
    for (int i = 0; i < (quick ? 5 : 15); i++) {
      long start = System.nanoTime();
      try (PolicyDatapath datapath = open(node)) {
        datapath.set(namespaces, pods, policies);
        double millis = (System.nanoTime() - start) / 1e6;
        times.add(millis);
        first = i == 0 ? millis : first;
      }
      PolicyDatapath.uninstall(node);
    }
    rows.add(
        Row.within(
            "10,000 pods, 1,000 policies: all loaded, just started", first, "ms", LOAD_MILLIS));
    rows.add(Row.within("the same, the median", times.median(), "ms", LOAD_MILLIS));
  }

  private void change(List<Row> rows, PolicyDatapath datapath) {
    datapath.set(namespaces, pods, policies);
    Samples times = new Samples();
    for (int i = 0; i < 200; i++) {
      // Into the selection of some policies and out of it again.
      Pod pod = pods.get(5000 + i / 2);
      Pod changed =
          i % 2 == 1
              ? pod
              : new PodBuilder(pod)
                  .editMetadata()
                  .addToLabels("app", "app-" + (i + 3) % APPS)
                  .endMetadata()
                  .build();
      long start = System.nanoTime();
      datapath.change(changed);
      if (i >= 20) {
        times.add((System.nanoTime() - start) / 1e6);
      }
    }
    rows.add(
        Row.within(
            "one label of one pod changed, until in the kernel",
            times.median(),
            "ms",
            CHANGE_MILLIS));
    rows.add(Row.within("the same, 99 % of them", times.percentile(99), "ms", CHANGE_MILLIS));
  }

  private void admission(List<Row> rows, PolicyDatapath datapath) throws InterruptedException {
    datapath.set(namespaces, pods, List.of());
    Samples without = new Samples();
    Samples with = new Samples();
    for (int i = 0; i < MINE; i++) {
      without.add(admit(datapath, i));
    }
    datapath.set(namespaces, pods, policies);
    for (int i = 0; i < MINE; i++) {
      with.add(admit(datapath, i));
    }
    rows.add(
        Row.within("what a CNI ADD waits where there is no policy", without.median(), "ms", 0.1));
    rows.add(
        Row.within("what a CNI ADD waits with all of them", with.median(), "ms", CHANGE_MILLIS));
  }

  private double admit(PolicyDatapath datapath, int index) throws InterruptedException {
    Pod pod = pods.get(index * (NAMESPACES * PODS_EACH / MINE));
    IpAddress address = IpAddress.parse(pod.getStatus().getPodIP());
    long start = System.nanoTime();
    datapath.admit(
        pod.getMetadata().getNamespace(),
        pod.getMetadata().getName(),
        pod.getMetadata().getUid(),
        List.of(address));
    return (System.nanoTime() - start) / 1e6;
  }

  private void established(
      List<Row> rows, NetworkNamespace node, PolicyDatapath datapath, boolean quick)
      throws Exception {
    double seconds = quick ? 0.5 : 1;
    // Both are of this node, of one namespace and one application, which lets in its own.
    IpAddress clientAddress = address(0);
    IpAddress serverAddress = address(APPS);
    try (NetworkNamespace client = RoutedPod.on(node, clientAddress, 102);
        NetworkNamespace server = RoutedPod.on(node, serverAddress, 103);
        LoadedPath.Programs programs = LoadedPath.Programs.extract();
        LoadedPath path = new LoadedPath(programs, client, server, serverAddress.toString())) {
      Samples roundTrips = new Samples();
      Samples roundTripsFree = new Samples();
      Samples roundTripsRatio = new Samples();
      Samples gigabits = new Samples();
      Samples gigabitsFree = new Samples();
      Samples gigabitsRatio = new Samples();
      for (int round = 0; round < (quick ? 9 : 21); round++) {
        datapath.set(namespaces, pods, List.of());
        double freeTrips = path.roundTrips(seconds);
        double freeGigabits = path.throughput(1, seconds);
        datapath.set(namespaces, pods, policies);
        double trips = path.roundTrips(seconds);
        double throughput = path.throughput(1, seconds);
        if (round > 0) {
          roundTripsFree.add(freeTrips);
          roundTrips.add(trips);
          roundTripsRatio.add(trips / freeTrips);
          gigabitsFree.add(freeGigabits);
          gigabits.add(throughput);
          gigabitsRatio.add(throughput / freeGigabits);
        }
      }
      rows.add(
          new Row(
              "round trips between isolated pods",
              roundTrips.median(),
              "1/s",
              "without a policy",
              roundTripsFree.median(),
              roundTripsRatio.median(),
              ESTABLISHED,
              Row.Better.LARGER));
      rows.add(
          new Row(
              "TCP between isolated pods, 1 stream",
              gigabits.median(),
              "Gbit/s",
              "without a policy",
              gigabitsFree.median(),
              gigabitsRatio.median(),
              ESTABLISHED,
              Row.Better.LARGER));
    }
  }

  private IpAddress address(int pod) {
    return IpAddress.parse(pods.get(pod).getStatus().getPodIP());
  }

  private void objects() {
    for (int i = 0; i < NAMESPACES; i++) {
      String namespace = "ns-" + i;
      namespaces.add(
          new NamespaceBuilder()
              .withNewMetadata()
              .withName(namespace)
              .addToLabels("team", "team-" + i % 20)
              .endMetadata()
              .build());
      for (int j = 0; j < PODS_EACH; j++) {
        pods.add(pod(namespace, i, j));
      }
      for (int app = 0; app < APPS; app++) {
        policies.add(policy(namespace, app));
      }
    }
  }

  private static Pod pod(String namespace, int i, int j) {
    int number = i * PODS_EACH + j;
    boolean mine = j == 0 || number == APPS || (i < MINE - NAMESPACES - 1 && j == 1);
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withName("pod-" + j)
        .withUid("uid-" + number)
        .addToLabels("app", "app-" + j % APPS)
        .endMetadata()
        .withNewSpec()
        .withNodeName(mine ? NODE : "node-" + number % 90)
        .addNewContainer()
        .withName("c")
        .endContainer()
        .endSpec()
        .withNewStatus()
        .withPhase("Running")
        .withPodIP(PODS.at(10L + number).toString())
        .addNewPodIP(PODS.at(10L + number).toString())
        .endStatus()
        .build();
  }

  private static NetworkPolicy policy(String namespace, int app) {
    return new NetworkPolicyBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withName("app-" + app)
        .endMetadata()
        .withNewSpec()
        .withNewPodSelector()
        .addToMatchLabels("app", "app-" + app)
        .endPodSelector()
        .withPolicyTypes("Ingress", "Egress")
        .addNewIngress()
        .addNewFrom()
        .withNewPodSelector()
        .addToMatchLabels("app", "app-" + app)
        .endPodSelector()
        .endFrom()
        .addNewFrom()
        .withNewNamespaceSelector()
        .addToMatchLabels("team", "team-" + app)
        .endNamespaceSelector()
        .withNewPodSelector()
        .addToMatchLabels("app", "app-" + (app + 1) % APPS)
        .endPodSelector()
        .endFrom()
        .endIngress()
        .addNewEgress()
        .endEgress()
        .endSpec()
        .build();
  }
}
