// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.linux.KernelException;
import dev.fairway.provision.ProvisionException;
import dev.fairway.store.StoreException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/// The command line of Fairway.
@Command(
    name = "fairway",
    description = "Kubernetes with its network, in one program.",
    subcommands = {
      UpCommand.class,
      DownCommand.class,
      StatusCommand.class,
      LogsCommand.class,
      NetCommand.class,
      PodnetCommand.class,
      DnsCommand.class,
      PolicyCommand.class,
      PoolsCommand.class,
      ServerCommand.class,
      ServicesCommand.class,
      NodeCommand.class,
      HelpCommand.class
    },
    footer = {
      "",
      "Run by the launcher itself:",
      "  kubectl   kubectl with the cluster's kubeconfig: fairway kubectl get nodes",
      "  bench     run a benchmark: fairway bench up|cni|services|policy|podnet|churn|bgp",
      "  test      run all tests"
    })
public final class Main {
  /// Exit code for anything the user can mend.
  static final int FAILED = 1;

  private Main() {}

  public static void main(String[] arguments) {
    CommandLine commandLine = new CommandLine(new Main());
    commandLine.setParameterExceptionHandler((problem, words) -> {
      PrintWriter err = problem.getCommandLine().getErr();
      err.println("fairway: " + problem.getMessage());
      err.println("fairway: see ./fairway help " + problem.getCommandLine().getCommandName());
      return CommandLine.ExitCode.USAGE;
    });
    commandLine.setExecutionExceptionHandler((problem, command, words) -> {
      if (isForTheUser(problem)) {
        command.getErr().println("fairway: " + problem.getMessage());
      } else {
        problem.printStackTrace(command.getErr());
      }
      return FAILED;
    });
    int exitCode = commandLine.execute(arguments);
    if (exitCode != CommandLine.ExitCode.OK) {
      System.exit(exitCode);
    }
  }

  /// Whether the message says it all. Anything else is a fault of the program, and its trace helps.
  private static boolean isForTheUser(Exception problem) {
    return problem instanceof ProvisionException
        || problem instanceof KernelException
        || problem instanceof StoreException
        || problem instanceof IOException
        || problem instanceof UncheckedIOException;
  }
}
