// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/// A cluster whose objects lie in a real etcd, looked at by etcd's own client.
@Tag("slow")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class StorageTest {
  private static LabCluster cluster;

  @BeforeAll
  static void bringUp() {
    cluster = new LabCluster("etcd", "--store etcd --workers 1");
  }

  @AfterAll
  static void takeDown() {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  @Order(1)
  void thePageIsTrue() throws Exception {
    assertThat(Page.play(cluster, "recipes/storage.md", "etcd")).isGreaterThan(10);
  }

  @Test
  @Order(2)
  void nobodyWithoutItsOwnCertificateReadsEtcd() {
    String etcdctl =
        "ETCDCTL_API=3 ip netns exec fairway-etcd-controller-0 etcdctl --command-timeout=3s"
            + " --endpoints=https://127.0.0.1:2379"
            + " --cacert=/var/lib/fairway/etcd/pki/etcd/ca.crt";
    String admin =
        " --cert=/var/lib/fairway/etcd/pki/admin.crt --key=/var/lib/fairway/etcd/pki/admin.key";
    for (String identity : new String[] {"", admin}) {
      Shell.Result result = cluster.shell().run(etcdctl + identity + " get / --prefix 2>&1");
      assertThat(result.exitCode()).as(result.output()).isNotZero();
      assertThat(result.output()).doesNotContain("/registry");
    }
  }

  @Test
  @Order(3)
  void anEtcdThatDiesIsStartedAgainWithAllThatWasWritten() throws Exception {
    cluster.shell().run("kill -9 $(cut -d' ' -f1 /run/fairway/etcd/controller-0/etcd.pid)").good();
    cluster.shell().run("./fairway up --name etcd").good();
    cluster
        .shell()
        .until(
            "./fairway kubectl create configmap after --from-literal=a=b 2>&1 || :",
            text -> text.contains("created") || text.contains("already exists"));
    assertThat(cluster.kubectl("get secret kept -o name").strip()).isEqualTo("secret/kept");
    assertThat(cluster.kubectl("get nodes -o name").strip()).isEqualTo("node/worker-0");
  }
}
