// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import java.util.Map;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/// A real cluster. One is there for all tests that ask for it as a parameter: brought up once, with
/// addresses of both families, and taken down at the end.
final class LabCluster implements AutoCloseable {
  /// `-Dfairway.lab.cluster=NAME` gives another one, to run beside others.
  static final String NAME = System.getProperty("fairway.lab.cluster", "tests");

  private final String name;
  private final Shell shell;
  private final String machinePrefix;

  /// @param options of `up`
  LabCluster(String name, String options) {
    this.name = name;
    this.shell = new Shell(Map.of("FAIRWAY_CLUSTER", name));
    shell.run("./fairway down --name " + name).good();
    shell.run("./fairway up --name " + name + " " + options).good();
    // Another cluster may have the first machine network, so ask which one this got.
    String address =
        shell
            .run(
                "./fairway kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}'")
            .good();
    machinePrefix = address.substring("https://".length(), address.lastIndexOf(".10:") + 1);
  }

  String name() {
    return name;
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
        .replace("fairway-lab-", "fairway-" + name + "-")
        .replace("/fairway/lab/", "/fairway/" + name + "/")
        .replace("./fairway logs ", "./fairway logs --name " + name + " ")
        .replace("./fairway net ", "./fairway net --name " + name + " ")
        .replace("./fairway policy why ", "./fairway policy why --name " + name + " ")
        .replace("./fairway up --services ", "./fairway up --name " + name + " --services ")
        .replace("10.240.0.", machinePrefix);
  }

  @Override
  public void close() {
    shell.run("./fairway down --name " + name).good();
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
          .computeIfAbsent(
              NAME, name -> new LabCluster(name, "--ip-families dual"), LabCluster.class);
    }
  }
}
