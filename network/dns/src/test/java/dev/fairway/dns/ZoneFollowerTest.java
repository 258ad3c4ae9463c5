// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.reconcile.Change;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Deltas one after another must lead to the zone that a fresh start would build.
class ZoneFollowerTest {
  private final ClusterNames names =
      new ClusterNames(Cluster.config("cluster.local", List.of()), new ClientPods());

  private ZoneFollower follower() {
    return new ZoneFollower(
        names.services(), 5, names.fixed(IpAddress.parse("10.32.0.10")), new ClientPods());
  }

  @Test
  void deltasAndAFreshStartAgree() {
    for (long seed = 1; seed <= 20; seed++) {
      Random random = new Random(seed);
      ZoneFollower follower = follower();
      Map<ObjectKey, Service> services = new HashMap<>();
      Map<ObjectKey, EndpointSlice> slices = new HashMap<>();
      follower.changed(true, Map.of(), Map.of());
      for (int step = 0; step < 60; step++) {
        Map<ObjectKey, Change<Service>> serviceChanges = new HashMap<>();
        Map<ObjectKey, Change<EndpointSlice>> sliceChanges = new HashMap<>();
        for (int i = random.nextInt(4); i >= 0; i--) {
          change(random, services, serviceChanges, randomService(random));
          change(random, slices, sliceChanges, randomSlice(random));
        }
        if (random.nextInt(10) == 0) {
          follower.changed(
              true,
              Cluster.added(List.copyOf(services.values())),
              Cluster.added(List.copyOf(slices.values())));
        } else {
          follower.changed(false, serviceChanges, sliceChanges);
        }
        ZoneFollower fresh = follower();
        fresh.changed(
            true,
            Cluster.added(List.copyOf(services.values())),
            Cluster.added(List.copyOf(slices.values())));
        compare(follower.zone(), fresh.zone(), seed + "/" + step);
      }
    }
  }

  private static void compare(Zone incremental, Zone fresh, String where) {
    assertThat(incremental.size()).as(where).isEqualTo(fresh.size());
    for (String service : List.of("s0", "s1", "s2")) {
      for (String namespace : List.of("n0", "n1")) {
        Name name = Name.parse(service + "." + namespace + ".svc.cluster.local");
        for (Name asked :
            List.of(
                name, name.child("_tcp"), name.child("_tcp").child("_http"), name.child("h1"))) {
          assertSame(incremental.records(asked), fresh.records(asked), where + " " + asked);
        }
      }
    }
    for (int i = 0; i < 6; i++) {
      Name reverse = ReverseName.of(IpAddress.parse("10.200.0." + i));
      assertSame(incremental.records(reverse), fresh.records(reverse), where + " " + reverse);
    }
  }

  private static void assertSame(
      List<ResourceRecord> incremental, List<ResourceRecord> fresh, String where) {
    if (incremental == null || fresh == null) {
      assertThat(incremental == null).as(where).isEqualTo(fresh == null);
    } else {
      assertThat(incremental).as(where).containsExactlyInAnyOrderElementsOf(fresh);
    }
  }

  private static <T extends io.fabric8.kubernetes.api.model.HasMetadata> void change(
      Random random, Map<ObjectKey, T> state, Map<ObjectKey, Change<T>> changes, T candidate) {
    ObjectKey key = ObjectKey.of(candidate);
    if (changes.containsKey(key)) {
      return;
    }
    Optional<T> before = Optional.ofNullable(state.get(key));
    if (before.isPresent() && random.nextInt(3) == 0) {
      state.remove(key);
      changes.put(key, new Change<>(before, Optional.empty()));
    } else {
      state.put(key, candidate);
      changes.put(key, new Change<>(before, Optional.of(candidate)));
    }
  }

  private static Service randomService(Random random) {
    String namespace = "n" + random.nextInt(2);
    String name = "s" + random.nextInt(3);
    return switch (random.nextInt(4)) {
      case 0 -> Cluster.clusterIp(namespace, name, "10.200.0." + random.nextInt(6));
      case 1 -> Cluster.externalName(namespace, name, "www.example.test");
      default -> Cluster.headless(namespace, name);
    };
  }

  private static EndpointSlice randomSlice(Random random) {
    String namespace = "n" + random.nextInt(2);
    EndpointSlice slice =
        Cluster.slice(namespace, "e" + random.nextInt(4), "s" + random.nextInt(3));
    List<String> hosts = new ArrayList<>(List.of("h0", "h1", "h2"));
    for (int i = random.nextInt(3); i > 0; i--) {
      slice =
          Cluster.with(
              slice,
              "10.200.0." + random.nextInt(6),
              random.nextBoolean() ? hosts.get(random.nextInt(3)) : null,
              random.nextInt(4) != 0);
    }
    return slice;
  }
}
