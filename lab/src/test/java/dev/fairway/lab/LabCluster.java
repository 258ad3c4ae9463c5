// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import java.util.Map;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/// One real cluster for all tests that ask for it, brought up once and taken down at the end.
final class LabCluster implements AutoCloseable {
  /// `-Dfairway.lab.cluster=NAME` gives another one, to run beside others.
  static final String NAME = System.getProperty("fairway.lab.cluster", "tests");

  private final Shell shell = new Shell(Map.of("FAIRWAY_CLUSTER", NAME));
  private final String machinePrefix;

  private LabCluster() {
    shell.run("./fairway down --name " + NAME).good();
    shell.run("./fairway up --name " + NAME).good();
    // Another cluster may have the first machine network, so ask which one this got.
    String address =
        shell
            .run(
                "./fairway kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}'")
            .good();
    machinePrefix = address.substring("https://".length(), address.lastIndexOf(".10:") + 1);
  }

  Shell shell() {
    return shell;
  }

  /// Runs kubectl; it must succeed.
  String kubectl(String arguments) {
    return shell.run("./fairway kubectl " + arguments).good();
  }

  /// The address of a machine: 10 for the controller, 20 and on for workers.
  String machineAddress(int lastOctet) {
    return machinePrefix + lastOctet;
  }

  /// Rewrites what a page says about cluster `lab` for this one.
  String translate(String command) {
    return command
        .replace("fairway-lab-", "fairway-" + NAME + "-")
        .replace("/fairway/lab/", "/fairway/" + NAME + "/")
        .replace("10.240.0.", machinePrefix);
  }

  @Override
  public void close() {
    shell.run("./fairway down --name " + NAME).good();
  }

  /// Gives tests the cluster as a parameter.
  static final class Extension implements ParameterResolver {
    private static final ExtensionContext.Namespace SPACE =
        ExtensionContext.Namespace.create(LabCluster.class);

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
      return parameter.getParameter().getType() == LabCluster.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
      return context
          .getRoot()
          .getStore(SPACE)
          .computeIfAbsent(NAME, name -> new LabCluster(), LabCluster.class);
    }
  }
}
