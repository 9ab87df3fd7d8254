"""NumPy in the web process: no threads of its own."""

from threadpoolctl import threadpool_info

from embedhub.numpy_threads import keep_to_one_thread


def test_matrix_products_take_one_thread() -> None:
    keep_to_one_thread()
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert pools
    assert {pool["num_threads"] for pool in pools} == {1}
