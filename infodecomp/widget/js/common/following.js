/** Opens a lab, which follows its model's state and on a page the address; what closes it again. */
export function following(lab, model) {
  const followModel = () => lab.followModel();
  const followAddress = () => lab.followAddress();
  lab.open();
  model.on("change:state", followModel);
  if (lab.page) addEventListener("hashchange", followAddress);
  return () => {
    model.off("change:state", followModel);
    removeEventListener("hashchange", followAddress);
    lab.close();
  };
}
