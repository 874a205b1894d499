# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: real binaries in a temporary folder, a gRPC client, the CLI."""
